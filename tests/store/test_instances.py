"""Runs that may end their session, and the history of heartbeats: thinned, bounded, small."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.model.ends.heartbeat_row import HeartbeatRow
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.store import sessions
from gpushopper.store.database import Store
from gpushopper.store.instances import heartbeats, run_ends
from tests.store.samples import NOW, attempt, raw, session

DAY = 24 * HOUR
END = RunEnd("s1", "r1", RunEndMode.ALWAYS, False, NOW)


@pytest.fixture
def stored(store: Store) -> Store:
    with store.transaction():
        sessions.insert_session(store, session())
        sessions.insert_attempt(store, attempt())
    return store


def fill(store: Store, *lines: HeartbeatRow) -> None:
    with store.transaction():
        heartbeats.add(store, lines)


def times(store: Store) -> list[int]:
    return [line.at for line in heartbeats.history(store, "a1", 0)]


def test_a_run_that_may_end_its_session_is_one_row_however_often_it_is_recorded(stored: Store):
    later = replace(END, mode=RunEndMode.SUCCESS, with_pull=True, hold_us=HOUR)
    with stored.transaction():
        run_ends.allow_run_end(stored, END)
        run_ends.allow_run_end(stored, later)
        run_ends.allow_run_end(stored, replace(END, run_id="r2", set_at=NOW + 1))
    assert run_ends.run_ends_of(stored, "s1") == (later, replace(END, run_id="r2", set_at=NOW + 1))
    assert run_ends.run_ends_of(stored, "s2") == ()
    assert run_ends.run_ends_by_session(stored) == {"s1": run_ends.run_ends_of(stored, "s1")}


def test_raw_heartbeats_stay_a_day_then_one_a_minute_then_none(stored: Store):
    fresh = [NOW - DAY + n * 30 * SECOND for n in range(4)]
    minute = (NOW - DAY - HOUR) // MINUTE * MINUTE
    old = [minute + n * 30 * SECOND for n in range(4)]
    fill(stored, *(HeartbeatRow("a1", at, True) for at in [NOW - 31 * DAY, *old, *fresh]))
    is_left = True
    while is_left:
        with stored.transaction():
            is_left = heartbeats.thin(stored, NOW)
    assert times(stored) == [old[1], old[3], *fresh]


def test_a_day_of_heartbeats_is_far_less_than_a_megabyte(stored: Store):
    before = raw(stored, "PRAGMA page_count")[0][0]
    lines = [
        HeartbeatRow("a1", NOW + n * 30 * SECOND, True, 97, 81_559, 31_900, 125_000_000, 86_400, 31)
        for n in range(2880)
    ]
    fill(stored, *lines)
    pages, size = raw(stored, "PRAGMA page_count")[0][0] - before, raw(stored, "PRAGMA page_size")[0][0]
    assert pages * size < 400_000
