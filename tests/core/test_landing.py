"""When results are brought home, and what follows from a pull, by value (ends.md E7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.lifecycle.ends import landing
from gpushopper.core.model.actions import ClearAlarm, EndSession, RaiseAlarm, UpdateSession
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.ends.landed import Landed, NotLanded
from gpushopper.core.model.session import Session
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from tests.core import samples

NOW = samples.NOW
HERE = Landed(("/results/train-out",), 3, 300)


def session(**more: Any) -> Session:
    return samples.session(**{"pulls": (("out", "/results"),)} | more)


def attempt(left_us: int = HOUR):
    made = samples.attempt(ready_at=NOW.wall - HOUR)
    return replace(made, deadline=replace(made.deadline, wall=NOW.wall + left_us), hard_max_at=NOW.wall + 9 * HOUR)


@pytest.mark.parametrize(("left", "is_near"), [(15 * MINUTE + SECOND, False), (15 * MINUTE, True)])
def test_it_begins_15_minutes_before_the_deadline(left: int, is_near: bool):
    assert bool(landing.on_clock(session(), attempt(left), NOW, REAL)) is is_near
    assert landing.on_clock(session(pulls=()), attempt(left), NOW, REAL) == []
    assert bool(landing.on_clock(session(land_for_us=5 * MINUTE), attempt(left), NOW, REAL)) is False


def test_an_end_that_nothing_allows_brings_nothing_home():
    ending = replace(attempt(), ending_reason="idle")
    assert landing.on_heartbeat(session(), ending, frozenset({"done"}), NOW) == []
    (begun,) = landing.on_heartbeat(session(), ending, frozenset({"idle"}), NOW)
    assert isinstance(begun, UpdateSession) and begun.fields["landing"] == "idle"


def test_a_users_end_follows_its_pull_and_others_are_the_instances():
    for reason, ends in (("user", True), ("idle", False), ("deadline", False)):
        todo = landing.on_pull(session(landing=reason, landing_at=1), attempt(), HERE, NOW)
        assert any(isinstance(action, EndSession) for action in todo) is ends
        assert any(isinstance(action, ClearAlarm) for action in todo)


def test_what_did_not_come_home_ends_nothing_before_the_hold_is_over():
    waits = session(landing="user", landing_at=NOW.wall - HOUR, hold_us=HOUR + 1)
    todo = landing.on_pull(waits, attempt(2 * HOUR), NotLanded("cut"), NOW)
    assert [type(action) for action in todo] == [UpdateSession, RaiseAlarm]
    assert landing.on_clock(waits, attempt(2 * HOUR), NOW, REAL) == []
    over = replace(waits, hold_us=HOUR)
    assert [type(a) for a in landing.on_clock(over, attempt(2 * HOUR), NOW, REAL)] == [EndSession]
    longer = replace(waits, hold_us=5 * HOUR)
    assert landing.landing_until(longer, attempt(MINUTE)) == NOW.wall + MINUTE, "no landing passes the deadline"


def test_a_pull_of_a_session_that_ends_changes_nothing():
    ending = session(landing="user", desired_state=DesiredState.TERMINATED)
    assert landing.on_pull(ending, attempt(), HERE, NOW) == []
    assert landing.on_pull(session(), attempt(), HERE, NOW) == [], "its end was withdrawn"


def test_what_was_not_pulled_is_named():
    assert landing.not_pulled_text(session()) == "out was not pulled"
    assert landing.not_pulled_text(session(pulled_at=1)) == landing.not_pulled_text(session(pulls=())) == ""


@pytest.mark.parametrize(("left", "is_near"), [(16 * MINUTE, False), (15 * MINUTE, True), (-MINUTE, True)])
def test_before_a_budget_ends_it_it_lands_as_before_a_deadline(left: int, is_near: bool):
    actions = landing.before_budget_end(session(), attempt(9 * HOUR), samples.WALL + left, samples.NOW, REAL)
    assert [action.fields["landing"] for action in samples.of(UpdateSession, actions)] == ["budget"] * is_near


def test_a_landing_that_is_under_way_is_not_begun_again_for_a_budget():
    under_way = session(landing="deadline")
    assert landing.before_budget_end(under_way, attempt(), samples.WALL, samples.NOW, REAL) == []
    assert landing.before_budget_end(session(pulls=()), attempt(), samples.WALL, samples.NOW, REAL) == []


def test_a_budget_that_lasts_after_all_takes_back_only_its_own_landing():
    (taken,) = samples.of(UpdateSession, landing.after_budget_end(session(landing="budget")))
    assert taken.fields["landing"] == ""
    assert landing.after_budget_end(session(landing="user")) == []
    ended = session(landing="budget", desired_state=DesiredState.TERMINATED)
    assert landing.after_budget_end(ended) == []


def test_what_came_home_for_a_budget_ends_nothing_before_its_time():
    found = Landed(("results/out",), 1, 1, (), ())
    actions = landing.on_pull(session(landing="budget"), attempt(), found, samples.NOW)
    assert samples.of(EndSession, actions) == []
