"""Absence of a known instance: missing at most, and never many at once (I5, I29, S2, F42)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.listing.list_breaker import accepted_missing, newly_missing
from gpushopper.core.listing.missing import decide_missing, missing_attempts, moved_alarms
from gpushopper.core.model.actions import Action, CloseAttempt, EndSession, TerminateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState, State
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from tests.core.samples import BOOT, FOREIGN, WALL, attempt, carried_out, moment, of, recorded, row, seen, session

SESSION = session()
ALIVE = sorted(ALIVE_STATES)


def miss(one: Attempt, after_s: float, listed: ObservedList | None = None) -> list[Action]:
    now = moment(after_s)
    listed = seen(FOREIGN, now=now) if listed is None else listed
    return decide_missing(SESSION, one, listed, now.boot, now, REAL)


def several(count: int, state: State = State.RUNNING, **changes: Any) -> tuple[Attempt, ...]:
    return tuple(
        replace(attempt(state, 1, **changes), id=f"{state}{n}", instance_id=f"{state}{n}") for n in range(count)
    )


# ---- who is missing


@pytest.mark.parametrize(
    ("age_s", "listed", "is_new"),
    [
        (0, (), False),
        (REAL.list_lag_s, (), False),
        (REAL.list_lag_s + 1, (), True),
        (0, ("101",), True),
        (REAL.list_lag_s + 1, ("101",), True),
    ],
)
def test_a_list_is_unverified_by_what_it_has_shown_or_must_show_by_now(
    age_s: float, listed: tuple[str, ...], is_new: bool
):
    now = moment(age_s)
    one = replace(attempt(State.BOOTING), sent_at=now.wall - us(age_s))
    assert newly_missing((one,), listed, now, REAL) == ((one,) if is_new else ())


def test_what_another_account_shows_is_not_missing_and_a_person_hears_of_it():
    """It was moved there by its owner: a destroy here is answered with not-found, and proves no end (I5)."""
    now, one = moment(100), attempt(State.DESTROYING)
    moved = replace(recorded(one), shown_elsewhere={"101": "lab"})
    listed = seen(FOREIGN, now=now, known=[one])
    assert missing_attempts(moved, listed) == ()
    (alarm,) = moved_alarms(moved, listed)
    assert "bills on at lab" in alarm.text
    assert moved_alarms(moved, seen(row(1), now=now, known=[one])) == []
    assert missing_attempts(recorded(one), listed) == (one,) and moved_alarms(recorded(one), listed) == []


def test_only_what_was_open_before_and_after_the_list_can_be_missing():
    old, new, ended = attempt(), attempt(number=2), attempt(State.CLOSED, 3)
    listed = seen(FOREIGN, known=[old, ended])
    assert missing_attempts(recorded(old, new, ended), listed) == (old,)


def test_what_is_shown_or_has_no_id_is_not_missing():
    one, unsure = attempt(), attempt(State.UNCERTAIN, 2)
    assert missing_attempts(recorded(one, unsure), seen(row(label=None), known=[one, unsure])) == ()


def test_a_list_that_is_not_complete_marks_none_missing():
    one = attempt()
    assert missing_attempts(recorded(one), seen(FOREIGN, known=[one], is_complete=False)) == ()
    assert missing_attempts(recorded(one), seen(FOREIGN, known=[one])) == (one,)


# ---- the breaker


@pytest.mark.parametrize(
    ("known", "missing", "accepted"),
    [(1, 1, 1), (2, 1, 1), (2, 2, 1), (3, 1, 1), (3, 2, 2), (3, 3, 0), (10, 2, 2), (10, 3, 0), (10, 10, 0),
     (12, 3, 3), (12, 4, 0), (100, 25, 25), (100, 26, 0)],
)  # fmt: skip
def test_the_breaker_ignores_a_list_that_lacks_too_many(known: int, missing: int, accepted: int):
    attempts = several(known)
    assert len(accepted_missing(recorded(*attempts), attempts[:missing], REAL)) == accepted


def test_what_is_missing_already_does_not_trip_the_breaker():
    missing_ones, fresh = several(5, State.MISSING), several(5)
    pool = recorded(*missing_ones, *fresh)
    assert set(accepted_missing(pool, (*missing_ones, *fresh[:2]), REAL)) == {*missing_ones, *fresh[:2]}
    assert accepted_missing(pool, (*missing_ones, *fresh[:3]), REAL) == ()
    pair = several(1, State.MISSING) + several(1)
    assert accepted_missing(recorded(*pair), pair, REAL) == pair


def test_terminated_attempts_neither_count_nor_trip_the_breaker():
    wanted, ending = several(3), several(20, State.DESTROYING)
    assert accepted_missing(recorded(*wanted, *ending), (*wanted[:2], *ending), REAL) == wanted[:2]
    unwanted = several(10, State.BOOTING, desired_state=DesiredState.TERMINATED)
    assert len(accepted_missing(recorded(*several(2), *unwanted), (*several(2), *unwanted), REAL)) == 1


def test_what_may_have_ended_itself_neither_counts_nor_trips_the_breaker():
    attempts = several(10)
    silent, others = attempts[:6], attempts[6:]
    pool = recorded(*attempts, may_have_ended=frozenset(a.id for a in silent))
    assert set(accepted_missing(pool, (*silent, *others[:2]), REAL)) == {*silent, *others[:2]}
    assert accepted_missing(pool, (*silent, *others[:3]), REAL) == silent, "those that may not end early are held back"


@given(known=st.integers(0, 60), data=st.data())
def test_one_list_never_marks_more_than_its_share_missing(known: int, data: st.DataObject):
    attempts = several(known)
    missing = data.draw(st.integers(0, known))
    accepted = accepted_missing(recorded(*attempts), attempts[:missing], REAL)
    assert len(accepted) <= (1 if known <= 2 else max(2, known // 4))


# ---- doubt


@pytest.mark.parametrize("state", ALIVE)
def test_absence_marks_a_wanted_attempt_missing_and_never_ends_it(state: State):
    one = attempt(state)
    for step in range(100):
        actions = miss(one, 31 * step)
        assert of(CloseAttempt, actions) == [] and of(EndSession, actions) == []
        one = carried_out(one, actions)
        assert one.state is State.MISSING
    assert one.is_wanted


def test_the_first_absence_sets_when_it_went_missing():
    one = carried_out(attempt(), miss(attempt(), 40))
    assert (one.state, one.missing_at, one.state_changed_at) == (State.MISSING, moment(40).wall, moment(40).wall)
    later = carried_out(one, miss(one, 100))
    assert (later.missing_at, later.state_changed_at, later.absence_count) == (moment(40).wall, moment(40).wall, 2)


def test_missing_needs_complete_evidence():
    one, now = attempt(), moment(100)
    assert miss(one, 100, seen(row(), now=now)) == []
    assert miss(one, 100, seen(FOREIGN, now=now, is_complete=False)) == []
    assert miss(one, 100, seen(FOREIGN, now=moment(39.9))) == []
    assert miss(replace(one, instance_id=None), 100) == []


@pytest.mark.parametrize("state", [State.PREPARED, State.SENT, State.UNCERTAIN, State.CLOSED])
def test_without_an_instance_nothing_is_marked_missing(state: State):
    assert miss(attempt(state, instance_id="101"), 100) == []


def test_an_empty_list_must_stay_empty_before_it_counts():
    one = attempt()
    for after_s in range(0, 600, 60):
        one = carried_out(one, miss(one, after_s, seen(now=moment(after_s))))
        assert one.state is State.RUNNING, "the whole list is empty: perhaps it is the list"
    assert carried_out(one, miss(one, 600, seen(now=moment(600)))).state is State.MISSING


@pytest.mark.parametrize(
    ("changes", "state"),
    [({}, State.MISSING), ({"silent_since": None}, State.RUNNING), ({"silent_since": WALL + us(31)}, State.RUNNING)],
    ids=["silent", "not silent", "silent for one login"],
)
def test_an_empty_list_counts_at_once_where_the_instance_has_announced_its_end(changes: dict[str, Any], state: State):
    """Heard at its last heartbeat, silent since, and its time has come: the list says what is expected (E5)."""
    heard = {"ending_reason": "idle", "ending_at": WALL, "ending_heard_at": WALL, "heartbeat_at": WALL}
    one = attempt(**{**heard, "silent_since": WALL + us(30), **changes})
    assert carried_out(one, miss(one, 75, seen(now=moment(75)))).state is state
    early = replace(one, ending_at=WALL + us(76))
    assert carried_out(early, miss(early, 75, seen(now=moment(75)))).state is State.RUNNING


def test_a_sighting_restarts_the_wait_for_an_empty_list():
    one = replace(attempt(), absence_count=0, first_absence_boot=None, last_absence_boot=None)
    assert carried_out(one, miss(one, 5000, seen(now=moment(5000)))).state is State.RUNNING


def test_a_boot_that_disappeared_is_given_up_after_its_limit():
    one = attempt(State.BOOTING)
    assert of(TerminateAttempt, miss(one, 3599)) == []
    assert [u.reason for u in of(TerminateAttempt, miss(one, 3600))] == ["boot_timeout"]
    assert of(TerminateAttempt, miss(attempt(State.RUNNING), 7000)) == []


# ---- lists


def test_a_list_lacks_only_what_it_would_have_shown():
    assert seen(FOREIGN).proves_absent("101")
    assert not seen(row()).proves_absent("101")
    assert not seen(is_complete=False).proves_absent("101")
    assert seen(row(), FOREIGN).find("101") == row()


@pytest.mark.parametrize(("age_s", "fresh"), [(0, True), (60, True), (60.001, False)])
def test_a_list_is_fresh_for_a_minute(age_s: float, fresh: bool):
    now = ClockSnapshot(WALL, BOOT + us(age_s), "boot-1")
    assert seen(now=moment(0)).is_fresh(now, REAL) is fresh
