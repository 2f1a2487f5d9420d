"""Runs that end their sessions: with nobody here, waited for by others and by who types, killed there (ends.md E6, E7).

Their real lives take hours; the drill policy's grace after a run is nine seconds, and ten minutes of typing one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.ends.rented import Rented, alarms, at, receipt, rent, typing
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs

WORK = "mkdir -p out; for i in 1 2 3; do echo step $i; echo $i >out/$i; sleep 1; done"
GRACE_S, HOLD_S, TYPED_S = 9, 35, 60
LATE_S = 15
"""What a tick of the guard, the destroy and a busy computer may add."""


def begin_run(rented: Rented, command: str, *options: str) -> str:
    """Start a run and leave; its id."""
    return rented.sandbox.must("run", rented.name, "-d", *options, "--", "sh", "-c", command).strip()


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
    begun = time.time()
    assert sandbox.kill_daemon()

    row = plain.until_gone(numbers["plain"])
    assert row["ended_by"] == "instance_key"
    assert GRACE_S < at(row["ended_at"]) - begun < GRACE_S + 3 + LATE_S
    row = alone.until_gone(numbers["alone"])
    assert row["ended_by"] == "instance_key"
    assert HOLD_S - 5 < at(row["ended_at"]) - begun < HOLD_S + 3 + LATE_S
    assert back.row(numbers["back"])["state"] == "running" and not any(tmp_path.iterdir())

    session = back.until_proven()  # any command starts the daemon
    assert (session["reason"], receipt(back)["reason"]) == ("run_done", "run_done")
    assert back.row(numbers["back"])["ended_by"] == "instance_key"
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
    assert "self_ended" in alarms(sandbox) and not (tmp_path / "alone-out").exists()


def test_others_still_going_who_types_and_a_killed_wrapper(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    shared, typed, killed = rent(sandbox, wait_until, "shared", "typed", "killed")
    numbers = {one.name: one.number for one in (shared, typed, killed)}
    for one in (shared, typed, killed):
        one.until_watched()
    with typing(sandbox, "typed"):
        begin_run(typed, "true", "--rm")
        typed_at = time.time()
        other = begin_run(shared, "sleep 45")
        other_at = time.time()
        said = sandbox.run("run", "shared", "-d", "--rm", "--", "true")
        assert f"The end waits for 1 other run still going: {other}." in said.stderr, said.stderr

        # The kernel kills the wrapper alone; what it started works on, and is waited for.
        lost = begin_run(killed, "sleep 25", "--rm")
        killed.says(f"kill -9 $(cat ~/.gpu-shopper/runs/{lost}/pid)")
        lost_at = time.time()

        row = killed.until_gone(numbers["killed"])
        assert row["ended_by"] == "instance_key" and at(row["ended_at"]) - lost_at > 15 + GRACE_S
        row = shared.until_gone(numbers["shared"])
        assert row["ended_by"] == "instance_key" and at(row["ended_at"]) - other_at > 45 + GRACE_S - 2
        row = typed.until_gone(numbers["typed"])
        assert row["ended_by"] == "instance_key" and at(row["ended_at"]) - typed_at > TYPED_S
    for one in (shared, typed, killed):
        session = one.until_proven()
        assert (session["reason"], receipt(one)["reason"]) == ("run_done", "run_done")
    line = next(line for line in sandbox.must("run", "ls", "killed").splitlines() if lost in line)
    assert "lost" in line, line
