"""Rollups are the ledger added up by day and month, however often and in whatever steps they are made (F115, I14)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.attempt import State
from gpushopper.core.spending.ledger import Entry
from gpushopper.core.spending.rollup import Calendar
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.core.timing.periods import PeriodKind, period_at
from gpushopper.store import ledger, sessions
from gpushopper.store.database import Store
from gpushopper.store.money import rollups
from gpushopper.store.money.entries_by_time import entries_after, entries_within
from tests.store.samples import attempt, session

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
DAY, MONTH = PeriodKind.DAY, PeriodKind.MONTH
CHANGE = int(datetime(2026, 10, 25, tzinfo=BERLIN).timestamp()) * SECOND
"""The day of 25 hours."""


@pytest.fixture
def held(store: Store) -> Store:
    with store.transaction():
        sessions.insert_session(store, session())
        sessions.insert_attempt(store, attempt(state=State.RUNNING))
    return store


def enter(store: Store, *entries: Entry) -> None:
    with store.transaction():
        ledger.insert_entries(store, entries)


def roll_up(store: Store, zone: tzinfo = BERLIN) -> None:
    while not rollups.is_done(store, zone):
        with store.transaction():
            rollups.roll_up(store, zone)


def by_day(store: Store, *bounds: int) -> dict[int, int]:
    found: Counter[int] = Counter()
    for (at, _, _), micros in rollups.sums_of(
        store, DAY, *(bounds or (None, None)), by_time=True, by_attempt=True
    ).items():
        found[at] += micros
    return dict(found)


@given(
    start=st.integers(CHANGE - 40 * HOUR, CHANGE + 40 * HOUR), span=st.integers(0, 60 * HOUR),
    micros=st.integers(-(10**9), 10**9), zone=st.sampled_from([BERLIN, KOLKATA, UTC]),
)  # fmt: skip
def test_what_an_entry_has_in_its_days_and_in_its_months_adds_up(start: int, span: int, micros: int, zone: tzinfo):
    for kind in PeriodKind:
        shares = list(Calendar(kind, zone).shares(micros, start, start + span))
        assert sum(part for _, part in shares) == micros
        assert [at for at, _ in shares] == sorted({at for at, _ in shares})
        assert all(period_at(kind, at, zone).start_at == at for at, _ in shares)


def test_the_day_of_25_hours_holds_25(held: Store):
    enter(held, *(Entry("a1", "gpu", at, at + HOUR, 100) for at in range(CHANGE - 2 * HOUR, CHANGE + 30 * HOUR, HOUR)))
    roll_up(held)
    assert list(by_day(held).values()) == [200, 2500, 500]


def test_a_zone_half_an_hour_off_cuts_an_hour_in_two(held: Store):
    midnight = int(datetime(2026, 11, 2, tzinfo=KOLKATA).timestamp()) * SECOND
    enter(held, Entry("a1", "gpu", midnight - HOUR // 2, midnight + HOUR // 2, 101))
    roll_up(held, KOLKATA)
    assert by_day(held) == {midnight - 24 * HOUR: 51, midnight: 50}


def test_rolled_up_in_steps_or_at_once_or_twice_it_is_the_same(held: Store):
    entries = [
        Entry("a1", kind, CHANGE + n * HOUR, CHANGE + (n + 1) * HOUR, n)
        for n in range(40)
        for kind in ("gpu", "storage")
    ]
    for n in range(0, len(entries), 7):
        enter(held, *entries[n : n + 7])
        roll_up(held)
        roll_up(held)
    in_steps = rollups.rows_of(held)
    with held.transaction():
        rollups.forget(held, BERLIN)
    assert rollups.rows_of(held) == []
    roll_up(held)
    assert rollups.rows_of(held) == in_steps


def test_a_correction_is_taken_off_the_day_it_is_about(held: Store):
    enter(held, Entry("a1", "gpu", CHANGE, CHANGE + HOUR, 100))
    roll_up(held)
    enter(held, Entry("a1", "gpu", CHANGE + HOUR // 2, CHANGE + HOUR, -50, correction=True))
    roll_up(held)
    assert by_day(held) == {CHANGE: 50}


def test_another_zone_begins_anew(held: Store):
    enter(held, Entry("a1", "gpu", CHANGE - HOUR, CHANGE + HOUR, 100))
    roll_up(held)
    assert by_day(held) == {CHANGE - 24 * HOUR: 50, CHANGE: 50}
    assert not rollups.is_done(held, UTC)
    roll_up(held, UTC)
    assert list(by_day(held).values()) == [100]
    assert rollups.mark_of(held) == rollups.Mark("UTC", 1)


def test_a_full_batch_is_followed_by_the_next(held: Store):
    enter(held, *(Entry("a1", "gpu", CHANGE + n, CHANGE + n + 1, 1) for n in range(rollups.BATCH + 1)))
    roll_up(held)
    assert by_day(held) == {CHANGE: rollups.BATCH + 1}


def test_sums_over_all_attempts_or_all_time_and_within_bounds(held: Store):
    enter(held, Entry("a1", "gpu", CHANGE - HOUR, CHANGE + HOUR, 100), Entry("a1", "storage", CHANGE, CHANGE + HOUR, 7))
    roll_up(held)
    assert rollups.sums_of(held, MONTH, None, None, by_time=False, by_attempt=True) == {
        (0, "a1", "gpu"): 100, (0, "a1", "storage"): 7
    }  # fmt: skip
    assert rollups.sums_of(held, DAY, CHANGE, None, by_time=True, by_attempt=False) == {
        (CHANGE, "", "gpu"): 50, (CHANGE, "", "storage"): 7
    }  # fmt: skip
    assert by_day(held, CHANGE - 24 * HOUR, CHANGE) == {CHANGE - 24 * HOUR: 50}


def test_entries_are_found_by_time_and_after_a_mark(held: Store):
    enter(held, Entry("a1", "gpu", CHANGE, CHANGE + HOUR, 1), Entry("a1", "gpu", CHANGE + HOUR, CHANGE + 2 * HOUR, 2))
    assert [row[4] for row in entries_within(held, CHANGE + HOUR // 2, CHANGE + HOUR)] == [1]
    assert [row[4] for row in entries_within(held, CHANGE + HOUR + 1, CHANGE + 9 * HOUR)] == [2]
    assert [row[4] for row in entries_after(held, 1)] == [2]
