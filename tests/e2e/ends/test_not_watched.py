"""What is not measured is no end: a killed agent, a frozen one, none, a full disk, a reboot (ends.md E1)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import IDLE, IDLE_S, WARNED_S, Rented, alarms, assert_ended_idle, at, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs


FREEZE = (
    "cd .gs-guard; for i in $(seq 300); do [ ! -f end-idle ] || break; sleep 0.5; done; [ -f end-idle ] && "
    "cut -d' ' -f1 agent.pid && kill -STOP $(cut -d' ' -f1 agent.pid)"
)


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
    # In one login: an announced end is there for ten seconds.
    first = frozen.says(FREEZE)
    stopped = time.time()
    assert first, "its end was announced"
    frozen.until(lambda: frozen.report().get("pid", int(first)) != int(first))
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
