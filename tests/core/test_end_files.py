"""An end file that the guard does not obey is told once, and is an alarm where an end of ours is lost with it (E4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core import alarms
from gpushopper.core.lifecycle.ends.end_files import on_end_files
from gpushopper.core.model.actions import ClearAlarm, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState
from gpushopper.core.model.heartbeat import GuardStatus
from tests.core.samples import attempt, of, session

GUARD = GuardStatus(True, "", 3600, 40_000, 1, 2, knows_ends=True)
NOTHING: frozenset[str] = frozenset()


def seen(
    *bad: str, before: tuple[str, ...] = (), expected: frozenset[str] = NOTHING, one: Attempt | None = None
) -> list[Any]:
    return on_end_files(session(), one or attempt(), replace(GUARD, bad_ends=bad), before, expected)


def told(actions: list[Any]) -> list[tuple[str, list[str]]]:
    drafts = [update.event for update in of(UpdateAttempt, actions)]
    return [(draft.text, draft.data["ignored"]) for draft in drafts if draft is not None]


def test_each_change_is_told_once() -> None:
    ((text, names),) = told(seen("idle", "run"))
    assert "end-idle, end-run" in text and names == ["idle", "run"]
    assert told(seen("idle", "run", before=("idle", "run"))) == []
    assert told(seen("run", before=("idle", "run"))) != []
    ((text, names),) = told(seen(before=("run",)))
    assert "no end file" in text and names == []
    assert told(seen()) == []


def test_an_expected_end_that_stays_ignored_is_an_alarm_until_it_is_not() -> None:
    due = frozenset({"run_done"})
    assert of(RaiseAlarm, seen("run", expected=due)) == [], "after a restart all are of the former start, for a moment"
    (alarm,) = of(RaiseAlarm, seen("run", before=("run",), expected=due))
    assert alarm.kind == alarms.END_IGNORED and "end-run" in alarm.text and "deadline holds" in alarm.hint
    assert [a.kind for a in of(ClearAlarm, seen(before=("run",), expected=due))] == [alarms.END_IGNORED]


def test_what_no_row_allows_is_told_and_no_alarm() -> None:
    actions = seen("idle", before=("idle",), expected=frozenset({"run_done"}))
    assert of(RaiseAlarm, actions) == [] and told(seen("idle")) != []


@pytest.mark.parametrize("guard", [None, replace(GUARD, knows_ends=False)])
def test_a_guard_that_says_nothing_of_end_files_changes_nothing(guard: GuardStatus | None) -> None:
    assert on_end_files(session(), attempt(), guard, ("run",), frozenset({"run_done"})) == []


def test_an_attempt_that_is_ending_has_no_end_to_lose() -> None:
    ending = replace(attempt(), desired_state=DesiredState.TERMINATED)
    assert seen("run", before=("run",), expected=frozenset({"run_done"}), one=ending) == []
