"""Early ends with real guards, agents and logins: what ends an instance, what keeps it, and what a liar there can do.

Real daemon, real boot script, guard, upkeep and agent, contained as `sandbox start --live` contains them; the drill
policy makes a minute a second. The sandbox's ledger is the only evidence of an end.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.remote import guard_files
from gpushopper.sandbox.live.containment_check import containment_problem
from tests.e2e.early_ends import BUSY, IDLE_S, STALLED, WARNED_S, Rented, at, rent, typing
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

IDLE = f"--idle {IDLE_S}s"


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 13, "--live") as made:
        yield made


def receipt(rented: Rented) -> dict[str, Any]:
    found = json.loads(rented.sandbox.must("receipt", rented.name, "--json"))["receipts"]
    return dict(found[-1]["receipt"])


def alarms(sandbox: SandboxHome) -> dict[str, str]:
    """Text of each open alarm by its kind."""
    return {row["kind"]: row["text"] for row in json.loads(sandbox.must("alarms", "--json"))["alarms"]}


def assert_ended_idle(rented: Rented, number: str) -> None:
    """It ended itself at the announced second, and is proven gone, with what was heard."""
    session = rented.until_proven()
    assert (session["reason"], session["status"]) == ("idle", "stopped")
    row = rented.row(number)
    assert row["ended_by"] == "instance_key"
    events = {event["kind"]: event for event in rented.events()}
    assert events["ending"]["data"]["reason"] == "idle" and events["ending"]["data"]["allowed"]
    assert receipt(rented)["reason"] == "idle"
    late = at(row["ended_at"]) - at(session["ending_at"])
    noticed = at(row["ended_at"]) - at(events["ending"]["at"])
    proven = at(session["ended_at"]) - at(row["ended_at"])
    print(f"\n{rented.name}: {late:+.1f} s from its announced end, {noticed:.1f} s after it was heard, "
          f"proven {proven:.1f} s later")  # fmt: skip
    assert -2 < late < 8


def test_an_unused_instance_ends_itself_and_each_kind_of_use_keeps_it(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    stalled, gpu, cpu, typed = rent(sandbox, wait_until, "stalled", "gpu", "cpu", "typed", options=IDLE)
    numbers = {one.name: one.number for one in (stalled, gpu, cpu, typed)}
    sandbox.must("sandbox", "revise", numbers["gpu"], "gpu_load", "40")
    sandbox.must("run", "cpu", "--detach", "--", "sh", "-c", BUSY)
    sandbox.must("run", "stalled", "--detach", "--", "sh", "-c", STALLED)
    with typing(sandbox, "typed"):
        for one in (stalled, gpu, cpu, typed):
            one.until_watched()
        begun = time.monotonic()
        assert_ended_idle(stalled, numbers["stalled"])
        wait_until(lambda: time.monotonic() - begun > 2 * (IDLE_S + WARNED_S), timeout_s=120)
        for one, signal in ((gpu, "gpu"), (cpu, "cpu"), (typed, "terminal")):
            assert one.session["status"] == "running" and one.row(numbers[one.name])["state"] == "running"
            used = one.report()["in_use"]
            assert used[signal] is not None and used[signal] < IDLE_S, used
            assert [name for name in ("gpu", "cpu", "terminal") if used[name] is not None] == [signal]
    # What kept them was their use: without it each ends.
    sandbox.must("sandbox", "revise", numbers["gpu"], "gpu_load", "0")
    cpu.says("kill -9 -- -$(cat ~/.gpu-shopper/runs/*/pid)")
    for one in (gpu, cpu, typed):
        assert_ended_idle(one, numbers[one.name])


SEND = """import socket, threading
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
while True:
    s.sendto(bytes(1000), ("192.0.2.1", 9))  # reserved for documentation; no router passes it on
    threading.Event().wait(0.004)
"""


@pytest.mark.sweep
@pytest.mark.skipif(
    "00000000" not in [line.split()[1] for line in Path("/proc/net/route").read_text().splitlines()[1:]],
    reason="needs a network: instances share this computer's",
)
def test_a_transfer_keeps_it(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    (moving,) = rent(sandbox, wait_until, "moving", options=IDLE)
    number = moving.number
    sandbox.must("cp", str(sandbox.write("send.py", SEND)), "moving:send.py")
    sandbox.must("run", "moving", "--detach", "--", "python3", "send.py")
    moving.until_watched()
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 2 * (IDLE_S + WARNED_S), timeout_s=120)
    assert moving.session["status"] == "running" and moving.row(number)["state"] == "running"
    assert moving.report()["in_use"]["network"] < IDLE_S
    moving.says("kill -9 -- -$(cat ~/.gpu-shopper/runs/*/pid)")
    assert_ended_idle(moving, number)


def test_where_power_off_bills_on_it_marks_its_end_and_the_daemon_destroys(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    """A virtual machine, whose login is an ordinary user with sudo (E4, E9)."""
    words = ("--gpu", "RTX 4090", "--provider", "tensordock", "--allow-unguarded", "--for", "10m", "--yes")
    sandbox.must("provision", "--name", "machine", *words, *IDLE.split())
    machine = Rented(sandbox, "machine", wait_until)
    number = machine.number
    machine.until_watched()
    assert machine.says("id -un; sudo cat /root/.gs-guard/limits").split()[0] == "user"
    assert not machine.session["limits"]["acts_itself"]
    session = machine.until_proven()
    assert (session["reason"], receipt(machine)["reason"]) == ("idle", "idle")
    assert machine.row(number)["ended_by"] == "api"
    print(f"\nmachine: {at(machine.row(number)['ended_at']) - at(session['ending_at']):+.1f} s from its announced end")


# ---- what is not measured is no end ---------------------------------------------------------------------------------


def assert_at_deadline(rented: Rented, number: str) -> None:
    """It lived to its deadline."""
    deadline = at(rented.session["deadline_at"])
    row = rented.until_gone(number, timeout_s=300)
    late = at(row["ended_at"]) - deadline
    print(f"\n{rented.name}: ended {late:+.1f} s from its deadline, by {row['ended_by']}")
    assert -5 < late < 60


@pytest.mark.sweep
def test_one_whose_agent_is_killed_again_and_again_lives_to_its_deadline(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    loaded, unused = rent(sandbox, wait_until, "loaded", "unused", options=IDLE, life="100s")
    numbers = [loaded.number, unused.number]
    sandbox.must("sandbox", "revise", numbers[0], "gpu_load", "90")
    # A word of the agent's own command line; its file is named by our logins too.
    sandbox.fault("host", "agent_kill", "-Es", "--for", "10m")
    unused.until(lambda: "idle_unwatched" in alarms(sandbox), timeout_s=160)
    assert "watched        no: " in sandbox.must("get", "unused")
    for one, number in zip((loaded, unused), numbers, strict=True):
        assert_at_deadline(one, number)


def test_a_frozen_agent_ends_nothing_and_idle_begins_again(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    (frozen,) = rent(sandbox, wait_until, "frozen", options=IDLE)
    number = frozen.number
    frozen.until_watched()
    frozen.until(lambda: frozen.file("end-idle"))
    first = frozen.file("agent.pid")
    frozen.says("kill -STOP $(cut -d' ' -f1 .gs-guard/agent.pid)")
    stopped = time.time()
    frozen.until(lambda: frozen.file("agent.pid") not in (first, ""))
    assert frozen.report()["idle_s"] < IDLE_S
    assert_ended_idle(frozen, number)
    assert at(frozen.row(number)["ended_at"]) - stopped > IDLE_S + WARNED_S - 2


def test_without_python3_it_is_handed_over_with_an_alarm(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    words = ("--gpu", "RTX 4090", "--for", "10m", "--name", "bare", "--yes", "--image", "ubuntu:22.04-nopython")
    done = sandbox.run("provision", *words, *IDLE.split())
    assert done.returncode == 0, done.stderr
    assert "Not watched: it has no python3" in done.stdout + done.stderr
    bare = Rented(sandbox, "bare", wait_until)
    assert "it has no python3" in alarms(sandbox)["idle_unwatched"]
    assert "no: it has no python3" in sandbox.must("get", "bare")
    assert bare.file("agent.pid") == ""


@pytest.mark.sweep
def test_a_full_disk_and_a_reboot_keep_the_deadline_and_idle_begins_again(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    full, booted = rent(sandbox, wait_until, "full", "booted", options=IDLE, life="4m")
    numbers = [full.number, booted.number]
    deadline = booted.session["deadline_at"]
    for one in (full, booted):
        one.until_watched()
    sandbox.fault("host", "disk_full", "--instance", numbers[0])
    booted.until(lambda: booted.report().get("idle_s", 0) > IDLE_S - 8)
    before = booted.report()
    sandbox.fault("host", "reboot", "--instance", numbers[1])
    booted.until(lambda: (found := booted.reads("report.json")) and json.loads(found)["boot"] != before["boot"])
    assert booted.report()["idle_s"] < IDLE_S - 8, "idle began again"
    session = booted.session
    assert session["status"] == "running" and session["deadline_at"] == deadline
    booted.until(lambda: booted.session["guard_in_sync"])
    assert_ended_idle(booted, numbers[1])
    assert "no fresh sample" in alarms(sandbox)["idle_unwatched"]
    # A moment's work of the two holders and of a probe; none stays.
    assert int(full.says("ls .gs-guard | grep -c '[.][0-9]' || :")) <= 4
    assert_at_deadline(full, numbers[0])


# ---- without the daemon, and what it concludes later -----------------------------------------------------------------


def test_it_ends_by_itself_for_good_and_what_was_not_heard_is_not_proof(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    (heard,) = rent(sandbox, wait_until, "heard", options=IDLE)
    (unheard,) = rent(sandbox, wait_until, "unheard", options="--idle 60s")
    numbers = {"heard": heard.number, "unheard": unheard.number}
    unheard.until_watched()
    heard.until(lambda: heard.session["ending_reason"] == "idle")
    ends_at = at(heard.session["ending_at"])
    wait_until(lambda: time.time() > ends_at - 3, timeout_s=60)
    assert sandbox.kill_daemon()
    for one in (heard, unheard):
        assert one.until_gone(numbers[one.name])["ended_by"] == "instance_key"

    # The daemon is back: what it had heard ends with a proof, and of the other it knows only that it is away.
    heard.until_proven()
    assert (heard.session["reason"], receipt(heard)["reason"]) == ("idle", "idle")
    unheard.until(lambda: unheard.session["self_ended_at"])
    session = unheard.session
    assert session["end_stage"] == "" and "self_ended" in alarms(sandbox), session
    assert "not confirmed" in sandbox.must("get", "unheard")
    spent = session["accrued_micros"]
    assert not [row for row in unheard.destroys(numbers["unheard"]) if row["by"] == "api"]
    sandbox.must("shutdown", "unheard", "--yes", "--wait", "proven")
    assert receipt(unheard)["kind"] and unheard.session["accrued_micros"] == spent


# ---- limits are changed in place ------------------------------------------------------------------------------------


def test_idle_is_switched_off_in_place_and_not_where_nobody_answers(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    (work,) = rent(sandbox, wait_until, "work", options=IDLE)
    number = work.number
    work.until(lambda: work.session["ending_reason"] == "idle")
    begun = time.time()
    assert "early ends: none" in sandbox.must("set", "work", "--idle", "off")
    print(f"\nset --idle off took {time.time() - begun:.1f} s")
    work.until(lambda: "ending_withdrawn" in [event["kind"] for event in work.events()])
    assert work.file("end-idle") == "" and work.session["ending_reason"] == ""
    wait_until(lambda: time.time() - begun > 2 * WARNED_S, timeout_s=60)
    assert work.row(number)["state"] == "running"

    sandbox.must("set", "work", "--idle", "1h")
    before = at(work.session["deadline_at"])
    sandbox.fault("host", "ssh_refuse")
    wait_until(lambda: work.hang_up() or work.session["health"] == "unreachable", timeout_s=60)
    done = sandbox.run("set", "work", "--idle", "2h", "--timeout", "3s")
    assert done.returncode == 8, done.stdout + done.stderr
    assert "idle 2h" in done.stderr and "idle 1h" in done.stderr
    done = sandbox.run("extend", "work", "--yes", "--for", "30m", "--timeout", "3s")
    assert done.returncode == 8, done.stdout + done.stderr
    assert "would end itself at" in done.stderr
    session = work.session
    assert abs(at(session["guard_deadline_at"]) - before) < 30 and at(session["deadline_at"]) > before + 900
    sandbox.must("sandbox", "fault", "clear")
    work.until(lambda: (found := work.session)["guard_in_sync"] and found["limits"]["confirmed"])
    session = work.session
    assert session["limits"]["there"]["idle_seconds"] == 7200
    assert abs(at(session["guard_deadline_at"]) - at(session["deadline_at"])) < 30


# ---- tampering ------------------------------------------------------------------------------------------------------

LIAR = """#!/usr/bin/env python3
import json, os, threading
D = os.path.dirname(os.path.abspath(__file__))
birth = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
open(D + "/agent.pid", "w").write("%d %d" % (os.getpid(), birth))
while True:
    up = int(float(open("/proc/uptime").read().split()[0]))
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    end = open(D + "/limits").read().split()[0][4:]
    open(D + "/end-idle", "w").write("%s %s %d idle %d %d %d" % (end, boot, up + 99999, up, os.getpid(), birth))
    report = dict(version="9" * 99, boot=boot, at=up + 10**9, idle_s=-5, in_use={"gpu": "never"}, runs=[7], ends="no")
    open(D + "/report.json", "w").write(json.dumps(report))
    threading.Event().wait(1)
"""


@pytest.mark.sweep
def test_whoever_is_root_there_can_move_no_deadline(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    wrong, other = rent(sandbox, wait_until, "wrong", "other", life="3m")
    numbers = [wrong.number, other.number]
    deadline = wrong.session["deadline_at"]
    wrong.until_watched()
    other.until_watched()
    mark = wrong.file("limits").split()[0].removeprefix("END=")
    up = "$(cut -d. -f1 /proc/uptime)"
    boot = "$(cat /proc/sys/kernel/random/boot_id)"
    for text in (
        "head -c 9000 /dev/urandom >end-idle; echo >end-contact; mkdir -p end-done; ln -sf /dev/zero end-run",
        f"rm -rf end-*; echo {mark} 00000000-0000-0000-0000-000000000000 1 run >end-run",
        f"rm -rf end-*; echo 1{mark} {boot} $(({up} + 5)) run >end-run",
        f"rm -rf end-*; echo {mark} {boot} $(({up} + 99999)) run >end-run",
        f"rm -rf end-*; echo {mark} {boot} $(({up} + 5)) idle {up} 1 1 >end-idle",
        "rm -rf end-* report.json; head -c 3000000 /dev/zero >report.json",
        "rm -f report.json; mkfifo report.json",
        "rm -f report.json; ln -s /dev/zero report.json",
    ):
        wrong.says(f"cd .gs-guard && ({text}) 2>&1")
        seen = wrong.session["heartbeat_at"]
        wrong.until(lambda seen=seen: wrong.session["heartbeat_at"] > seen, timeout_s=20)
        assert wrong.session["status"] == "running" and wrong.session["ending_reason"] == "", text
    sandbox.must("cp", str(sandbox.write("liar.py", LIAR)), "wrong:.gs-guard/agent.py")
    wrong.says("cd .gs-guard && rm -rf end-* report.json; kill -9 $(cut -d' ' -f1 agent.pid); "
               "setsid python3 agent.py watch </dev/null >/dev/null 2>&1 & sleep 2")  # fmt: skip
    wrong.until(lambda: "99999" not in wrong.reads("end-idle") and "NOTICE_TICKS" in wrong.reads("agent.py"))
    for one in (wrong, other):
        assert one.session["status"] == "running" and one.session["deadline_at"] == (
            deadline if one is wrong else other.session["deadline_at"]
        )
    assert wrong.session["ending_reason"] == ""
    assert sandbox.kill_daemon()
    row = wrong.until_gone(numbers[0], timeout_s=300)
    assert row["ended_by"] == "instance_key" and -15 < at(row["ended_at"]) - at(deadline) < 60


# ---- the version before ---------------------------------------------------------------------------------------------

FORMER = Path(__file__).parents[1] / "agent" / "guard_1.txt"


def test_an_instance_with_the_guard_of_the_version_before_is_read_renewed_and_ended(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    (former,) = rent(sandbox, wait_until, "former", life="100s")
    number = former.number
    former.until_watched()
    head, found, _ = former.file("guard.sh").partition("exec 2>/dev/null\n")
    assert found
    text = FORMER.read_text() if "destroy()" in head else guard_files.shortened(FORMER.read_text())
    sandbox.must("cp", str(sandbox.write("guard.sh", head + text)), "former:.gs-guard/guard.new")
    former.says(
        "cd .gs-guard && kill -9 $(cut -d' ' -f1 holder1) $(cut -d' ' -f1 holder2) $(cut -d' ' -f1 agent.pid);"
        "rm -f state renewal test holder* agent* upkeep.sh limits report.json contact; mv guard.new guard.sh;"
        "sh $PWD/guard.sh boot"
    )
    former.until(lambda: former.session["limits"]["unwatched"] == "its guard is of an older version")
    former.until(lambda: former.session["guard_state"] == "armed" and former.session["guard_in_sync"])
    assert former.file("agent.py") == "", "it could not obey it"
    assert "now ends" in sandbox.must("extend", "former", "--yes", "--for", "1m")
    deadline = former.session["deadline_at"]
    assert sandbox.kill_daemon()
    row = former.until_gone(number, timeout_s=300)
    assert row["ended_by"] == "instance_key"
    print(f"\nended {at(row['ended_at']) - at(deadline):+.1f} s from the deadline that was renewed")
    assert -15 < at(row["ended_at"]) - at(deadline) < 60
