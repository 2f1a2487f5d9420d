"""The end of a run waits for others, for who types, and for what a killed wrapper leaves at work (ends.md E6).

The drill policy's grace after a run is nine seconds; ten minutes of typing are one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import WHOLE_S, at, begin_run, receipt, rent, typing
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs

GRACE_S, TYPED_S = 9, 60


def test_others_still_going_who_types_and_a_killed_wrapper(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    shared, typed, killed = rent(sandbox, wait_until, "shared", "typed", "killed")
    numbers = {one.name: one.number for one in (shared, typed, killed)}
    for one in (shared, typed, killed):
        one.until_watched()
    with typing(sandbox, "typed"):
        # Each from before it was started: on a busy computer that takes seconds.
        typed_at = time.time()
        begin_run(typed, "true", "--rm")
        other_at = time.time()
        other = begin_run(shared, "sleep 45")
        said = sandbox.run("run", "shared", "-d", "--rm", "--", "true")
        assert f"The end waits for 1 other run still going: {other}." in said.stderr, said.stderr

        # The kernel kills the wrapper alone; what it started works on, and is waited for.
        lost_at = time.time()
        lost = begin_run(killed, "sleep 30", "--rm")
        killed.says(f"kill -9 $(cat ~/.gpu-shopper/runs/{lost}/pid)")
        line = next(line for line in sandbox.must("run", "ls", "killed").splitlines() if lost in line)
        assert "running" in line, line

        row = killed.until_gone(numbers["killed"])
        assert row["ended_by"] == "instance_key" and at(row["ended_at"]) - lost_at > 30 + GRACE_S - WHOLE_S
        row = shared.until_gone(numbers["shared"])
        assert row["ended_by"] == "instance_key" and at(row["ended_at"]) - other_at > 45 + GRACE_S - WHOLE_S
        row = typed.until_gone(numbers["typed"])
        assert row["ended_by"] == "instance_key" and at(row["ended_at"]) - typed_at > TYPED_S - WHOLE_S
    for one in (shared, typed, killed):
        session = one.until_proven()
        assert (session["reason"], receipt(one)["reason"]) == ("run_done", "run_done")
    line = next(line for line in sandbox.must("run", "ls", "killed").splitlines() if lost in line)
    assert "lost" in line, line
