"""Live virtual machines: cloud-init once, units and @reboot at every boot, two users, and a disk that stays."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from gpushopper.sandbox.live.instance.disk import FIRST_UID
from tests.sandbox.live.conftest import wait
from tests.sandbox.live.live_sandbox import LiveSandbox, is_alive, pids_inside, remove
from tests.sandbox.live.machines import Machine, call
from tests.sandbox.live.test_containment import as_user

pytestmark = pytest.mark.proofs

UNIT = """[Unit]
Description=counts its starts

[Service]
ExecStart=/bin/sh /opt/tick.sh "two words"
Environment=SAID=hello
Restart=always
RestartSec=0.2

[Install]
WantedBy=multi-user.target
"""
TICK = 'echo "$1 $SAID $(id -un)" >>/var/lib/ticks; exec sleep 1000'


@pytest.fixture(scope="module")
def machine(market):
    """A machine with a unit, a line of cron and a key of root's, all brought by cloud-init."""
    root_key = f"mkdir -p /root/.ssh; echo '{market.public_key}' >>/root/.ssh/authorized_keys"
    made = Machine(
        market,
        {
            "packages": ["jq"],
            "package_update": True,
            "write_files": [
                {"path": "/etc/systemd/system/tick.service", "content": UNIT},
                {"path": "/opt/tick.sh", "content": TICK, "permissions": "0755", "owner": "root:root"},
                {"path": "/home/user/mine", "content": "it's mine\n", "owner": "user:user", "permissions": "0600"},
                {"path": "/opt/encoded", "content": "aGk=", "encoding": "b64"},
            ],
            "runcmd": [
                root_key,
                "echo once >>/var/lib/first-boots",
                ["/bin/sh", "-c", "echo $0 >/var/lib/listed", "a b"],
                "false",
                "systemctl daemon-reload && systemctl enable --now tick",
                "echo '@reboot root echo cron $(id -un) >>/var/lib/cron-ran' >/etc/cron.d/job",
                "echo '@reboot id -un >>/tmp/cron-of-user' | crontab -u user -",
            ],
        },
    )
    made.finished()
    return made


def restart(machine: Machine, how) -> None:
    old = pids_inside(machine.facts["pid"])
    how()
    machine.market.wait(lambda: not any(is_alive(pid) for pid in old))
    machine.until_ready()


def test_cloud_init_brings_keys_files_and_commands(machine):
    assert machine.says("whoami; pwd; cat mine; stat -c '%U %a' mine") == "user\n/home/user\nit's mine\nuser 600"
    assert machine.says("whoami; cat /opt/encoded /var/lib/listed", user="root") == "root\naGk=a b"
    assert "packages are not installed here: jq" in machine.says("cat /var/log/cloud-init-output.log", user="root")


def test_the_user_becomes_root_without_a_password(machine):
    assert machine.says("id -u; sudo id -u; sudo -n -u user id -un; sudo -i whoami") == "1000\n0\nuser\nroot"
    assert (
        machine.says("sudo sh -c 'touch /root/x && stat -c %U /root/x'; A=1 sudo B=2 env | grep -c '^B=2'") == "root\n1"
    )
    assert machine.ssh("cat /root/.ssh/authorized_keys").returncode != 0
    assert machine.ssh("touch /usr/x; sudo touch /usr/x").returncode != 0, "the system's programs are this computer's"
    assert machine.ssh("id -un", options=("-tt",)).stdout.strip() == "user"
    assert machine.ssh("true", user="daemon").returncode == 255


def test_a_unit_that_is_killed_starts_again(machine, wait_until):
    wait_until(lambda: machine.says("cat /var/lib/ticks") == "two words hello root", timeout_s=20)
    assert machine.says("systemctl is-active tick; systemctl is-enabled tick.service") == "active\nenabled"
    machine.says("sudo pkill -f '[s]leep 1000'")
    wait_until(lambda: len(machine.says("cat /var/lib/ticks").splitlines()) == 2, timeout_s=20)
    machine.says("sudo systemctl stop tick")
    assert machine.ssh("systemctl is-active tick").returncode == 3
    assert machine.says("pgrep -f '[s]leep 1000' || echo none") == "none"
    machine.says("sudo systemctl start tick")
    assert machine.ssh("systemctl stop tick").returncode != 0, "only root may"


@pytest.mark.parametrize("how", ["sudo reboot", "sudo shutdown -r now", "stop and start"])
def test_a_boot_keeps_the_disk_and_runs_units_and_cron_but_not_cloud_init(machine, wait_until, how):
    count = "wc -l </var/lib/ticks; wc -l </var/lib/cron-ran 2>/dev/null || echo 0"
    before = [int(number) for number in machine.says(count).split()]
    boot_id = machine.says("cat /proc/sys/kernel/random/boot_id; echo kept >kept")

    def stop_and_start() -> None:
        machine.post("stop")
        machine.market.wait(lambda: machine.facts is None)
        machine.post("start")

    restart(machine, stop_and_start if how == "stop and start" else lambda: machine.ssh(how))
    wait_until(lambda: [int(n) for n in machine.says(count).split()] == [before[0] + 1, before[1] + 1], timeout_s=20)
    assert machine.says("cat kept /var/lib/first-boots") == "kept\nonce"
    assert machine.says("cat /proc/sys/kernel/random/boot_id") != boot_id
    assert float(machine.says("cut -d' ' -f1 /proc/uptime")) < 60
    assert set(machine.says("cat /tmp/cron-of-user").split()) == {"user"}
    assert "root" in machine.says("cat /var/lib/cron-ran")


def test_a_machine_has_the_size_that_was_rented(machine):
    assert machine.says("nproc; grep -c ^processor /proc/cpuinfo; grep MemTotal /proc/meminfo") == (
        f"4\n4\nMemTotal:       {16 * 1024 * 1024} kB"
    )
    assert machine.row["ipAddress"] == "127.0.0.1" and machine.facts["ssh"]["user"] == "user"


def test_a_machine_that_powers_off_bills_on(market):
    mine = Machine(market)
    inside = pids_inside(mine.facts["pid"])
    assert mine.ssh("poweroff").returncode == 1, "not without sudo"
    mine.ssh("sudo systemctl poweroff")
    market.wait(lambda: not any(is_alive(pid) for pid in inside))
    market.wait(lambda: mine.row["status"] == "stopped")
    before = market.ledger(mine.id)
    assert (before["state"], before["ended_by"]) == ("stopped", None)
    market.wait(lambda: market.ledger(mine.id)["gpu_seconds"] > before["gpu_seconds"])
    call(market, "DELETE", f"/instances/{mine.id}")
    market.wait(lambda: market.ledger(mine.id)["state"] == "gone")


def test_nothing_of_a_machine_runs_outside_and_containers_have_none_of_it(machine, rented):
    inside = pids_inside(machine.facts["pid"])
    assert len(inside) > 3
    if os.geteuid() == 0:
        assert {os.stat(f"/proc/{pid}").st_uid >= FIRST_UID for pid in inside} == {True}
    outside = {os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "mnt", "user")}
    for pid in inside:
        assert outside.isdisjoint({os.readlink(f"/proc/{pid}/ns/{name}") for name in ("pid", "mnt", "user")})
    assert rented.says("ls /opt/instance-tools/bin | grep -cE 'systemctl|sudo|poweroff' || true") == "0"
    if os.geteuid() == 0:
        assert machine.says("grep CapEff /proc/self/status").split()[1] == f"{(1 << 6) | (1 << 7):016x}", "for sudo"
    assert machine.says("sudo grep CapBnd /proc/self/status") == rented.says("grep CapBnd /proc/self/status")


def test_a_machine_boots_where_an_ordinary_user_runs_the_sandbox(containable):
    """There is one id to map, so `user` is root by another name and home folder."""
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    market = LiveSandbox(top, wait, "--live", "--boot-seconds", "0.3", **as_user(top))
    try:
        mine = Machine(market, {"write_files": [{"path": "/home/user/a", "content": "x", "owner": "user:user"}]})
        mine.finished()
        assert mine.says("pwd; cat a; echo; sudo id -u") == "/home/user\nx\n0"
        restart(mine, lambda: mine.ssh("sudo reboot"))
        assert mine.says("cat a") == "x"
    finally:
        market.kill(15)
        remove(top)
