"""A moved clock, an agent that was removed, no python3, a full disk: the guard ends it on time (ends.md E1, F55)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import Rented, at, rent
from tests.sandbox_home import SandboxHome

pytestmark = [pytest.mark.proofs]

LIFE = "150s"
IDLE = "--idle 10m"
BARE = f"{IDLE} --image ubuntu:22.04-nopython"
REMOVE = "cd .gs-guard && kill -9 $(cut -d' ' -f1 agent.pid); rm -f agent.py upkeep.sh agent.pid"


def why(rented: Rented) -> str:
    return rented.sandbox.must("why", rented.name)


def test_the_guard_ends_each_on_time_and_why_says_what_is_wrong(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    moved, removed, full = rent(sandbox, wait_until, "moved", "removed", "full", options=IDLE, life=LIFE)
    (bare,) = rent(sandbox, wait_until, "bare", options=BARE, life=LIFE)
    every = (moved, removed, full, bare)
    numbers = {one.name: one.number for one in every}
    for one in (moved, removed, full):
        one.until_watched()
    sandbox.fault("host", "disk_full", "--instance", numbers["full"])

    # Parts that are gone are brought again. That idle begins anew with a moved clock is a rule of the agent's verdict.
    agent = removed.file("agent.pid")
    removed.says(REMOVE)
    sandbox.fault("host", "clock_skew", "1d", "--instance", numbers["moved"])
    removed.until(lambda: removed.file("agent.pid") not in (agent, ""))
    full.until(lambda: "not watched" in why(full))
    said = {one.name: why(one) for one in every}
    assert re.search(r"not watched +it has no python3", said["bare"])
    assert re.search(r"not watched +its agent gives no fresh sample", said["full"])
    for name, text in said.items():
        assert re.search(r"^deadline .* itself, or this computer", text, re.M), (name, text)
    deadlines = {one.name: at(one.session["deadline_at"]) for one in every}
    removed.says(REMOVE)
    assert sandbox.kill_daemon()
    for one in every:
        row = one.until_gone(numbers[one.name])
        late = at(row["ended_at"]) - deadlines[one.name]
        print(f"{one.name}: ended {late:+.1f} s from its deadline")
        assert row["ended_by"] == "instance_key" and -5 < late < 60
