"""The life of a live instance: disk, restarts, every kind of end, and that no process is left over."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from gpushopper.sandbox.live.instance.disk import FIRST_UID
from tests.sandbox.live.live_sandbox import Rented, is_alive, pids_inside

pytestmark = pytest.mark.proofs


def boot(rented: Rented) -> tuple[str, float]:
    boot_id, uptime = rented.says("cat /proc/sys/kernel/random/boot_id /proc/uptime").splitlines()
    return boot_id, float(uptime.split()[0])


def restart(rented: Rented, how) -> None:
    """Restart a container and wait for the next one; the old one's processes must be gone."""
    old = pids_inside(rented.facts["pid"])
    how()
    rented.market.wait(lambda: not any(is_alive(pid) for pid in old))
    rented.until_ready()


def test_the_disk_outlives_the_container_and_onstart_runs_at_every_start(market):
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    rented = market.rent("echo started >>/root/starts")
    rented.says("echo mine >/data; mkdir -p /workspace/run; echo kept >/workspace/run/a; touch /etc/ours")
    before = boot(rented)
    restart(rented, lambda: market.api("PUT", f"/api/v0/instances/reboot/{rented.id}/", {}))
    assert rented.says("cat /data /workspace/run/a; ls /etc/ours") == "mine\nkept\n/etc/ours"
    assert rented.says("cat /root/starts") == "started\nstarted"
    after = boot(rented)
    assert after[0] == before[0]
    assert after[1] > before[1] >= up_s  # the host's uptime: restarting a container does not touch it


def test_a_restart_of_the_host_has_another_boot_id_and_no_uptime(market, rented):
    before = boot(rented)
    restart(rented, lambda: market.control("POST", "/revise", {"instance": str(rented.id), "action": "reboot_host"}))
    boot_id, uptime = boot(rented)
    assert boot_id != before[0]
    assert uptime < 600


def test_stop_ends_the_processes_and_start_begins_again_at_the_same_port(market, rented):
    inside, port = pids_inside(rented.facts["pid"]), rented.port
    market.api("PUT", f"/api/v0/instances/{rented.id}/", {"state": "stopped"})
    market.wait(lambda: not any(is_alive(pid) for pid in inside) and market.live(rented.id) is None)
    assert rented.ssh("true").returncode == 255
    market.api("PUT", f"/api/v0/instances/{rented.id}/", {"state": "running"})
    rented.until_ready()
    assert rented.port == port


@pytest.mark.parametrize("how", ["kill 1", "kill -9 -1"])
def test_a_container_that_ends_by_itself_reads_as_exited_and_bills_its_disk(market, how):
    rented = market.rent()
    inside = pids_inside(rented.facts["pid"])
    rented.ssh(how)
    rented.until("exited")
    assert not any(is_alive(pid) for pid in inside)
    row = market.row(rented.id)
    assert (row["intended_status"], row["cur_state"]) == ("running", "running")
    first = market.ledger(rented.id)
    assert (first["state"], first["stopped_by"], first["ended_by"]) == ("stopped", "container", None)
    market.wait(lambda: market.ledger(rented.id)["storage_seconds"] > first["storage_seconds"])
    assert market.ledger(rented.id)["gpu_seconds"] == first["gpu_seconds"]
    market.api("PUT", f"/api/v0/instances/{rented.id}/", {"state": "running"})
    rented.until_ready()


def test_kill_9_from_inside_does_nothing_to_pid_1(rented):
    assert rented.says("kill -9 1; echo still here") == "still here"


def test_pid_1_reaps_orphans(rented, wait_until):
    rented.says("for i in 1 2 3 4 5; do (setsid sh -c 'sleep 0.1; exit 3' >/dev/null 2>&1 </dev/null &) ; done")
    wait_until(lambda: rented.says("ps ax -o stat,args | grep -c '^Z' || true") == "0", timeout_s=60)


# Its own key


def test_its_own_key_reads_stops_and_destroys_only_itself(market, rented):
    mine = market.rent()
    url = market.status["dialects"]["vast"]["url"]
    call = f"curl -s -o /dev/null -w '%{{http_code}}' -H \"Authorization: Bearer {mine.secret}\" {url}/api/v0"
    assert mine.says(f"{call}/instances/{mine.id}/") == "200"
    assert mine.says(f"{call}/users/current/") == "401"
    assert mine.says(f"{call}/instances/{rented.id}/ -X DELETE") == "401"
    assert mine.says(f"{call}/instances/{rented.id}/") == "401"
    mine.ssh(f"{call}/instances/{mine.id}/ -X DELETE")
    market.wait(lambda: market.ledger(mine.id)["state"] == "gone" and market.live(mine.id) is None)
    assert market.ledger(mine.id)["ended_by"] == "instance_key"
    market.wait(lambda: not mine.disk.exists())
    assert market.row(rented.id)["actual_status"] == "running"


def test_destroy_ends_the_processes_and_takes_the_disk(market):
    rented = market.rent()
    rented.says("mkdir -p /root/deep/er; touch /root/deep/er/x; chmod 0 /root/deep/er /root/deep")
    inside = pids_inside(rented.facts["pid"])
    rented.destroy()
    market.wait(lambda: not any(is_alive(pid) for pid in inside) and not rented.disk.exists())


# What is inside


def test_root_inside_is_an_unprivileged_user_outside(rented):
    status = Path(f"/proc/{rented.facts['pid']}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert set(uids) == {str(FIRST_UID if os.geteuid() == 0 else os.geteuid())}


@pytest.mark.parametrize(
    ("image", "absent", "present"),
    [
        ("ubuntu:22.04-nocurl-nopython", ("curl", "python3", "python3.11"), ("wget", "sh")),
        ("ubuntu:22.04-nowget", ("wget",), ("curl", "python3")),
        ("python:3.12-curl", (), ("curl", "wget", "python3")),
    ],
)
def test_an_image_may_lack_programs(market, image, absent, present):
    rented = market.rent(image=image)
    for name in absent:
        assert rented.ssh(f"command -v {name} || ls /usr/bin/{name} /bin/{name}").returncode != 0
    for name in present:
        rented.says(f"command -v {name}")
    if "python3" in present:
        assert rented.says("python3 -c 'import ssl; print(6 * 7)'") == "42"
    rented.destroy()


def test_start_up_output_is_kept_up_to_a_limit(market):
    rented = market.rent("echo first words; head -c 2000000 /dev/zero | tr '\\0' x; echo >/root/over")
    market.wait(lambda: rented.ssh("test -e /root/over").returncode == 0)
    log = Path(rented.facts["log"])
    market.wait(lambda: log.stat().st_size >= 256 * 1024)
    assert log.read_text().startswith("first words\n")
    assert log.stat().st_size == 256 * 1024
    assert log.stat().st_mode & 0o077 == 0


def test_args_are_the_command_and_the_container_exits_with_it(market):
    rented = market.create(runtype="args", args=["sh", "-c", "echo from args"])
    rented.until("exited")
    assert "from args" in (rented.disk.parent / "log").read_text()


def test_a_foreign_instance_is_simulated_and_the_clock_cannot_be_advanced(market, rented):
    foreign = int(market.control("POST", "/launch", {"provider": "vast"})["id"])
    market.wait(lambda: market.row(foreign)["actual_status"] == "running")
    assert market.live(foreign) is None
    assert market.row(foreign)["ssh_host"].endswith(".vast.ai")
    refused = market.control("POST", "/advance", {"by": "1h"})
    assert "live instances" in refused["error"]["message"]
    assert market.control("GET", "/status")["clock_offset_us"] == 0


# What the GPUs say


def test_nvidia_smi_tells_what_was_rented(market, rented):
    row = market.row(rented.id)
    query = "nvidia-smi --query-gpu=name,memory.total,driver_version,utilization.gpu --format=csv,noheader,nounits"
    told = [line.split(", ") for line in rented.says(query).splitlines()]
    assert len(told) == row["num_gpus"]
    assert told[0][0].endswith(row["gpu_name"])
    assert told[0][1:] == [str(row["gpu_ram"]), row["driver_version"], "0"]
    table = rented.says("nvidia-smi")
    assert f"Driver Version: {row['driver_version']}" in table
    assert {len(line) for line in table.splitlines()[1:]} <= {91}
    used = rented.says("nvidia-smi --query-gpu=index,memory.used --format=csv")
    assert used.startswith("index, memory.used [MiB]\n0, 0 MiB")
    assert rented.ssh("nvidia-smi --query-gpu=colour --format=csv").returncode == 2
    assert len(rented.says("nvidia-smi -L").splitlines()) == row["num_gpus"]


def test_nvidia_smi_shows_a_set_load_and_false_claims(market, rented):
    def revise(action, value):
        market.control("POST", "/revise", {"instance": str(rented.id), "action": action, "value": value})

    query = "nvidia-smi --query-gpu=name,count,utilization.gpu --format=csv,noheader,nounits"
    truth = rented.says(query).splitlines()
    revise("gpu_load", 80)
    market.wait(lambda: rented.says(query).endswith(", 80"))
    assert market.row(rented.id)["gpu_util"] == 80
    revise("gpu_claim", "count=0")
    market.wait(lambda: rented.ssh("nvidia-smi").returncode == 6)
    revise("gpu_claim", "name=NVIDIA GeForce GTX 1050,count=1")
    market.wait(lambda: rented.says(query) == "NVIDIA GeForce GTX 1050, 1, 80")
    revise("gpu_load", 0)
    revise("gpu_claim", "")
    market.wait(lambda: rented.says(query).splitlines() == truth)
    bad = market.control("POST", "/revise", {"instance": str(rented.id), "action": "gpu_claim", "value": "colour=red"})
    assert "not a claim" in bad["error"]["message"]


def test_disk_memory_and_processors_are_the_offers_whatever_this_computer_has(market, rented):
    row = market.row(rented.id)

    def size(command="df -Pk /"):
        return int(rented.says(command).splitlines()[-1].split()[1])

    asked_kb = int(row["disk_space"] * 1024 * 1024)
    for command in ("df -Pk /", "df -Pk /workspace", "/usr/bin/df -k /root", "PATH=/usr/bin:/bin df -P"):
        assert size(command) == asked_kb, command
    assert rented.says("df -h /").splitlines()[-1].split()[1] == "20G"
    assert rented.ssh("df -Pk /nowhere").returncode == 1
    assert rented.says("df -Pk /dev/shm").splitlines()[-1].split()[-1] == "/dev/shm"
    assert rented.says("nproc") == rented.says("grep -c ^processor /proc/cpuinfo") == str(row["cpu_cores"])
    assert int(rented.says("grep MemTotal /proc/meminfo").split()[1]) == row["cpu_ram"] * 1024

    def revise(value):
        return market.control("POST", "/revise", {"instance": str(rented.id), "action": "gpu_claim", "value": value})

    revise("disk=5,ram=1000,cpus=2")
    market.wait(lambda: size() == 5 * 1024 * 1024)
    assert rented.says("nproc") == "2"
    assert "not a size" in revise("disk=little")["error"]["message"]
    revise("")
    market.wait(lambda: size() == asked_kb)


# Whoever started it is gone (these restart the market and come last)


def everything(market, rented: Rented) -> list[int]:
    facts = rented.facts
    return [facts["supervisor"], *pids_inside(facts["pid"])]


def test_a_killed_supervisor_ends_its_container(market):
    rented = market.rent()
    pids = everything(market, rented)
    os.kill(pids[0], signal.SIGKILL)
    market.wait(lambda: not any(is_alive(pid) for pid in pids))
    rented.until("exited")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_is_left_when_the_sandbox_ends_and_it_runs_again_after_a_start(market, rented, number):
    rented.until_ready()
    rented.says("nohup setsid sleep 7777 >/dev/null 2>&1 </dev/null & echo mine >/root/kept")
    before, pids = boot(rented), everything(market, rented)
    assert len(pids) > 3
    market.kill(number)
    market.wait(lambda: not any(is_alive(pid) for pid in pids))
    market.start()
    assert market.status["instances_are"] == "live"
    rented.until_ready()
    assert rented.says("cat /root/kept") == "mine"
    assert boot(rented)[0] != before[0]
    assert json.loads((market.home / "market" / "market.json").read_text())["instances_are"] == "live"
