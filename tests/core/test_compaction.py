"""Which sessions are compacted, and how their ledger is added up (I4, I14)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gpushopper.core.alarms import MISSING, REOPENED
from gpushopper.core.audit_chain import ACTS
from gpushopper.core.compaction import KEPT_EVENTS, is_open_alarm, may_compact, merged, session_changes
from gpushopper.core.model.attempt import DesiredState, State
from gpushopper.core.model.session import Session
from gpushopper.core.policy import REAL
from gpushopper.core.spending.ledger import Entry
from gpushopper.core.spending.rollup import Calendar
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.core.timing.periods import PeriodKind
from tests.core.samples import WALL as NOW
from tests.core.samples import attempt, attempt_id, session

BEFORE = NOW + us(REAL.details_kept_s)


CLOSED = attempt(State.CLOSED, desired_state=DesiredState.TERMINATED, closed_at=NOW + HOUR)


def ended(**changes: Any) -> Session:
    return session(**{"desired_state": DesiredState.TERMINATED, "ended_at": NOW + HOUR, **changes})


def test_a_session_that_ended_before_the_time_is_compacted():
    assert may_compact(ended(), [CLOSED], [], BEFORE)
    assert may_compact(ended(), [], ["vast", attempt_id(7)], BEFORE), "one without any attempt, and alarms of others"


@pytest.mark.parametrize(
    ("one", "attempts", "subjects"),
    [
        (session(), [], []),
        (ended(ended_at=None), [], []),
        (ended(ended_at=BEFORE), [], []),
        (ended(), [replace(CLOSED, closed_at=BEFORE)], []),
        *[(ended(), [attempt(state)], []) for state in State if state is not State.CLOSED],
        (ended(), [replace(CLOSED, state=State.DESTROYING)], []),
        (ended(), [CLOSED], [CLOSED.id]),
        (ended(), [CLOSED], ["s1"]),
        (ended(), [replace(CLOSED, instance_id="i-77")], ["vast: i-77"]),
    ],
)
def test_what_may_still_bill_or_is_asked_about_is_kept_whole(one: Session, attempts: list[Any], subjects: list[str]):
    assert not may_compact(one, attempts, subjects, BEFORE)


def test_an_alarm_is_open_until_it_is_cleared_or_what_happened_once_was_acknowledged():
    assert is_open_alarm(REOPENED, is_acknowledged=False)
    assert is_open_alarm(MISSING, is_acknowledged=True), "acknowledged, and still so"
    assert not is_open_alarm(REOPENED, is_acknowledged=True)


def test_every_act_is_kept_and_the_names_of_variables():
    assert ACTS < KEPT_EVENTS
    changes = session_changes(session(environment=(("TOKEN", "secret"),), before_end="save secret"), NOW)
    assert changes["environment"] == (("TOKEN", ""),)
    assert changes["shortlist"] == () and changes["before_end"].startswith("#") and "secret" not in str(changes)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_each_day_keeps_its_sum_to_the_micro_dollar(zone: str):
    calendar = Calendar(PeriodKind.DAY, ZoneInfo(zone))
    first = NOW // HOUR * HOUR
    entries = [
        (number, Entry("a1", kind, first + at * HOUR, first + (at + 1) * HOUR, 1_000_003 + number))
        for number, (at, kind) in enumerate(((at, kind) for at in range(60) for kind in ("gpu", "storage")), start=5)
    ]
    entries += [
        (500, Entry("a1", "gpu", first + 3 * HOUR, first + 5 * HOUR, -77, correction=True)),
        (501, Entry("a1", "traffic", first + 9 * HOUR, first + 9 * HOUR, 41)),
        (502, Entry("a1", "traffic", first + 9 * HOUR, first + 9 * HOUR, 7, reason="bill")),
    ]
    found = merged(entries, ZoneInfo(zone))

    def by_day(those: list[tuple[int, Entry]]) -> dict[tuple[int, str, str, bool], int]:
        sums: dict[tuple[int, str, str, bool], int] = {}
        for _, entry in those:
            for start_at, part in calendar.shares(entry.micros, entry.from_at, entry.to_at):
                key = (start_at, entry.kind, entry.reason, entry.correction)
                sums[key] = sums.get(key, 0) + part
        return sums

    assert by_day(found) == by_day(entries)
    assert len(found) < len(entries) / 6
    assert {number for number, _ in found} <= {number for number, _ in entries}, "an id is never new"
    assert merged(found, ZoneInfo(zone)) == found, "once more changes nothing"
    assert all(entry.correction or entry.micros >= 0 for _, entry in found)
