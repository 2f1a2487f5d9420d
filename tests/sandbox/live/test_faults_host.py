"""Host faults, each as the product would notice it (safety.md F13, F24, F85-F91, F108)."""

from __future__ import annotations

import socket
import subprocess

import pytest

from gpushopper.core.model.shell_environment import SYSTEM_PATH
from tests.sandbox.live.live_sandbox import pids_inside

pytestmark = pytest.mark.proofs

TRUE_DATE = '"$([ -s /.instance/real/date ] && echo /.instance/real/date || echo /usr/bin/date)"'


def acted(market, fault) -> int:
    found = market.control("GET", "/faults")["faults"]
    return next(one["acted"] for one in found if one["id"] == fault["fault"]["id"])


def connects(rented) -> bool:
    try:
        socket.create_connection(("127.0.0.1", rented.port), timeout=20).close()
    except ConnectionRefusedError:
        return False
    return True


def test_ssh_refuse(market, rented):
    fault = market.fault("ssh_refuse", "3s")
    market.wait(lambda: not connects(rented))
    assert market.row(rented.id)["actual_status"] == "running"
    assert acted(market, fault) == 1
    market.wait(lambda: rented.ssh("true").returncode == 0)


def test_ssh_authfail(market, rented):
    fault = market.fault("ssh_authfail", instance=str(rented.id))
    market.wait(lambda: "Permission denied" in rented.ssh("true").stderr)
    assert acted(market, fault) == 1
    market.control("DELETE", "/faults")
    market.wait(lambda: rented.ssh("true").returncode == 0)


def test_hostkey_change(market, rented):
    def host_key() -> str:
        scan = ["ssh-keyscan", "-t", "ed25519", "-p", str(rented.port), "127.0.0.1"]
        return subprocess.run(scan, capture_output=True, text=True, timeout=60, check=False).stdout

    before = host_key()
    assert before == host_key()
    assert acted(market, market.fault("hostkey_change")) in (0, 1)
    market.wait(lambda: host_key() not in (before, ""))
    assert rented.ssh("true").returncode == 0


def test_reboot(market, rented):
    first = rented.says("cat /proc/sys/kernel/random/boot_id")
    pids = pids_inside(rented.facts["pid"])
    fault = market.fault("reboot", instance=str(rented.id))
    market.wait(lambda: rented.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip() not in ("", first), 60)
    assert acted(market, fault) == 1
    again = pids_inside(rented.facts["pid"])
    assert not set(again) & set(pids)
    assert rented.says("cat /proc/sys/kernel/random/boot_id") != first


def test_offline(market, rented):
    rented.says("nohup setsid sleep 6543 >/dev/null 2>&1 </dev/null &")
    fault = market.fault("offline", "4s", instance=str(rented.id))
    market.wait(lambda: market.row(rented.id)["actual_status"] == "offline")
    market.wait(lambda: not connects(rented))
    with pytest.raises(OSError):
        market.api("GET", f"/api/v0/instances/{rented.id}/", key=rented.secret)
    market.wait(rented.answers)
    assert rented.says("pgrep -fc 'sleep 654[3]'") == "1"  # the container ran on
    assert acted(market, fault) == 1


def test_offline_ends_when_its_line_is_cleared(market, rented):
    market.fault("offline", instance=str(rented.id))
    market.wait(lambda: market.row(rented.id)["actual_status"] == "offline")
    market.control("DELETE", "/faults")
    market.wait(rented.answers)


@pytest.mark.parametrize(("arg", "off"), [("1d", 86_400), ("-1d", -86_400), ("365d", 31_536_000)])
def test_clock_skew(market, rented, arg, off):
    market.fault("clock_skew", arg)

    def difference() -> int:
        ours, true = rented.says(f"date +%s; {TRUE_DATE} +%s").split()
        return int(ours) - int(true)

    market.wait(lambda: abs(difference() - off) <= 2)
    ours, true = rented.says(f"PATH={SYSTEM_PATH}; date +%s; {TRUE_DATE} +%s").split()
    assert abs(int(ours) - int(true) - off) <= 2, "who looks into the system's folders first sees it, too"
    assert rented.says("date -u -d @0 +%Y") == "1970"
    assert rented.says("date -u +%Y-%m-%d; exec date -u -d '0 seconds' +%Y").count("\n") == 1
    market.control("DELETE", "/faults")
    market.wait(lambda: abs(difference()) <= 2)


def test_no_egress(market, rented):
    url = f"{market.status['dialects']['vast']['url']}/api/v0/instances/{rented.id}/"
    call = f"curl -s -m 20 -H 'Authorization: Bearer {rented.secret}' {url}"
    fault = market.fault("no_egress", instance=str(rented.id))
    assert rented.ssh(call).returncode == 56
    assert acted(market, fault) == 1
    assert market.row(rented.id)["id"] == rented.id  # others still reach the provider
    market.control("DELETE", "/faults")
    market.fault("no_egress", "hang")
    assert rented.ssh(call.replace("-m 20", "-m 1")).returncode == 28
    market.control("DELETE", "/faults")
    assert str(rented.id) in rented.says(call)


def test_disk_full(market, rented):
    rented.says("echo old >/root/old")
    fault = market.fault("disk_full")
    market.wait(lambda: "No space left" in rented.ssh("echo new >/root/new").stderr)
    for folder in ("/root", "/var/lib", "/tmp", "/etc", "/run", "/workspace"):
        assert "No space left" in rented.ssh(f"echo new >{folder}/new").stderr, folder
    assert rented.says("cat /root/old") == "old"
    assert acted(market, fault) == 1
    market.control("DELETE", "/faults")
    market.wait(lambda: rented.ssh("echo new >/root/new && cat /root/new").stdout == "new\n")


def test_agent_kill(market, rented):
    def running() -> str:
        return rented.says("pgrep -fc '[g]uard.sh' || true")

    start = "printf 'while :; do sleep 1; done' >/root/guard.sh; nohup sh /root/guard.sh >/dev/null 2>&1 </dev/null &"
    rented.says(start)
    assert running() == "1"
    fault = market.fault("agent_kill")
    market.wait(lambda: running() == "0")
    assert acted(market, fault) == 1
    rented.says(start)
    assert running() == "1"  # once is once
    market.fault("agent_kill", "guard.sh", **{"for": "10m"})
    market.wait(lambda: running() == "0")
    rented.says(start)
    market.wait(lambda: running() == "0")  # and with a time, again and again


def test_a_selector_chooses_the_instance(market, rented):
    other = market.rent()
    market.fault("ssh_authfail", instance=str(other.id))
    market.wait(lambda: other.ssh("true").returncode == 255)
    assert rented.ssh("true").returncode == 0
    other.destroy()


@pytest.mark.parametrize(
    ("call", "word", "arg"),
    [("host", "hang", None), ("list", "ssh_refuse", "1m"), ("any", "agent_kill", None), ("host", "clock_skew", "soon")],
)
def test_an_invalid_host_fault_is_refused(market, call, word, arg):
    refused = market.control("POST", "/faults", {"provider": "vast", "call": call, "word": word, "arg": arg})
    assert refused["error"]["message"]


def test_faults_of_api_calls_do_not_act_on_the_host(market, rented):
    """`offline` is a word of both: on `any` call it never means the host."""
    market.control("POST", "/faults", {"provider": "vast", "call": "label", "word": "offline", "arg": "10m"})
    assert rented.ssh("true", options=("-o", "ConnectTimeout=10")).returncode == 0
    assert market.row(rented.id)["actual_status"] == "running"
