"""Runs end their sessions with nobody here, and with the daemon back in time for the results (ends.md E6, E7)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.ends.rented import WHOLE_S, alarms, at, begin_run, receipt, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs

STEPS = "mkdir -p out; for i in 1 2 3; do echo step $i; echo $i >out/$i; sleep 1; done"
WORK = f"until [ -e go ]; do sleep 0.2; done; {STEPS}"
"""It begins when it is told to: once nobody is left to hear of its end."""
WORK_S, GRACE_S, HOLD_S = 3, 9, 35
LATE_S = 45
"""What ticks, the destroy and a busy computer may add: less than a later end that would explain it."""


def test_runs_end_their_sessions_with_the_daemon_killed_at_once(
    sandbox: SandboxHome, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    """One has no results to pull and ends after its grace; of two that have, one waits in vain, to the end of its hold,
    and the daemon is back in time for the other: pulled, verified, ended."""
    pull = f"--pull out:{tmp_path}"
    (plain,) = rent(sandbox, wait_until, "plain")
    back, alone = rent(sandbox, wait_until, "back", "alone", options=pull)
    numbers = {one.name: one.number for one in (plain, back, alone)}
    for one in (plain, back, alone):
        one.until_watched()
    runs = {"back": begin_run(back, WORK, "--rm", "--hold", "5m")}
    runs["alone"] = begin_run(alone, WORK, "--rm", "--hold", f"{HOLD_S}s")
    runs["plain"] = begin_run(plain, WORK, "--rm")
    assert sandbox.kill_daemon()
    begun = time.time()
    for one in (plain, back, alone):
        (one.home(numbers[one.name]) / "go").touch()

    row = plain.until_gone(numbers["plain"])
    assert row["ended_by"] == "instance_key", row
    assert WORK_S + GRACE_S - WHOLE_S < at(row["ended_at"]) - begun < WORK_S + GRACE_S + LATE_S
    row = alone.until_gone(numbers["alone"])
    assert row["ended_by"] == "instance_key", row
    assert WORK_S + HOLD_S - WHOLE_S < at(row["ended_at"]) - begun < WORK_S + HOLD_S + LATE_S
    assert back.row(numbers["back"])["state"] == "running" and not any(tmp_path.iterdir())

    session = back.until_proven()  # any command starts the daemon
    assert (session["reason"], receipt(back)["reason"]) == ("run_done", "run_done")
    assert back.row(numbers["back"])["ended_by"] in ("instance_key", "api"), (
        "whichever is first: the daemon destroys too"
    )
    assert sorted((path.name, path.read_text()) for path in (tmp_path / "back-out").iterdir()) == [
        ("1", "1\n"), ("2", "2\n"), ("3", "3\n"),
    ]  # fmt: skip
    kinds = [event["kind"] for event in back.events()]
    assert kinds.index("pulled") < kinds.index("end_requested") and "not_pulled" not in kinds
    assert "step 3" in sandbox.must("logs", "back", runs["back"])
    # Nobody heard the others end: that is not proof, and nothing of ours destroys them.
    for one in (plain, alone):
        one.until(lambda one=one: one.session["self_ended_at"])
        assert not [row for row in one.destroys(numbers[one.name]) if row["by"] == "api"]
    events = [event["text"] for event in alone.events() if event["kind"] == "self_ended"]
    assert "out was not pulled" in events[0] and not (tmp_path / "alone-out").exists()
    assert "self_ended" in alarms(sandbox)
