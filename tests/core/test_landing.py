"""When results are brought home, and what follows from a pull, by value (ends.md E7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.lifecycle.ends import landing
from gpushopper.core.model.actions import ClearAlarm, EndSession, RaiseAlarm, UpdateSession
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.ends.landed import Landed, NotLanded, PulledByHand
from gpushopper.core.model.session import Session
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND, us
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
    assert landing.on_heartbeat(session(), ending, frozenset({"done"}), NOW, REAL) == []
    (begun,) = landing.on_heartbeat(session(), ending, frozenset({"idle"}), NOW, REAL)
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


def test_a_landing_begins_once_and_its_deadline_alone_ends_it():
    lands = session(landing="deadline", landing_at=NOW.wall - MINUTE)
    assert landing.on_clock(lands, attempt(10 * MINUTE), NOW, REAL) == []
    assert landing.on_clock(lands, attempt(0), NOW, REAL) == [], "the rule about deadlines ends it"
    (withdrawn,) = landing.on_clock(lands, attempt(HOUR), NOW, REAL)
    assert isinstance(withdrawn, UpdateSession) and withdrawn.fields == landing.NOT_LANDING


def test_a_withdrawn_end_lands_no_more_and_a_users_end_is_not_withdrawn():
    heard = [
        landing.on_heartbeat(session(landing=reason), attempt(), frozenset({"idle"}), NOW, REAL)
        for reason in ("idle", "user", "deadline")
    ]
    assert [len(actions) for actions in heard] == [1, 0, 0]


@pytest.mark.parametrize("before", ["deadline", "budget"])
@pytest.mark.parametrize("pulled_at", [None, NOW.wall - MINUTE])
def test_work_that_ends_after_a_landing_has_begun_is_brought_home_too(before: str, pulled_at: int | None):
    """It went on while its folders were listed, or even after they were here."""
    lands = session(landing=before, landing_at=NOW.wall - 5 * MINUTE, pulled_at=pulled_at)
    ending = replace(attempt(10 * MINUTE), ending_reason="run_done")
    (begun,) = landing.on_heartbeat(lands, ending, frozenset({"run_done"}), NOW, REAL)
    assert isinstance(begun, UpdateSession)
    assert begun.fields == {**landing.NOT_LANDING, "landing": "run_done", "landing_at": NOW.wall}
    assert landing.on_heartbeat(lands, ending, frozenset({"done"}), NOW, REAL) == []


@pytest.mark.parametrize(("left", "is_told"), [(3 * HOUR, True), (5 * MINUTE, False)])
def test_an_instance_that_waits_for_results_that_nobody_wants_is_told(left: int, is_told: bool):
    waits = replace(attempt(4 * HOUR), ending_reason="run_done", ending_at=NOW.wall + left)
    todo = landing.on_heartbeat(session(pulls=()), waits, frozenset({"run_done"}), NOW, REAL)
    assert [action.fields["landing"] for action in todo if isinstance(action, UpdateSession)] == ["run_done"] * is_told
    told = landing.on_pull(session(pulls=(), landing="run_done"), waits, Landed((), 0, 0), NOW)
    assert [action.event for action in told if isinstance(action, UpdateSession)] == [None], "nothing was pulled"


def test_other_folders_are_pulled_in_the_landing_that_is_under_way():
    lands = session(landing="idle", landing_at=1, pulled_at=2)
    assert landing.on_other_pulls(lands, lands.pulls) == landing.on_other_pulls(session(), ()) == []
    for pulls in ((("logs", "/results"),), ()):
        changed, _ = landing.on_other_pulls(lands, pulls)
        assert isinstance(changed, UpdateSession) and changed.fields == {"pulled_at": None, "pull_problem": ""}
    stopped, _ = landing.on_other_pulls(replace(lands, landing="deadline"), ())
    assert isinstance(stopped, UpdateSession) and stopped.fields == landing.NOT_LANDING


def test_a_pull_of_a_session_that_ends_changes_nothing():
    ending = session(landing="user", desired_state=DesiredState.TERMINATED)
    assert landing.on_pull(ending, attempt(), HERE, NOW) == []
    assert landing.on_pull(session(), attempt(), HERE, NOW) == [], "its end was withdrawn"


def test_a_pull_by_hand_counts_where_all_of_it_came_after_the_work_and_its_hook():
    landing_now = session(landing="idle", landing_at=NOW.wall - HOUR)

    def counts(
        of: Session = landing_now, began_at: int = NOW.wall - HOUR, pulled: tuple[str, ...] = ("out", "x")
    ) -> bool:
        return landing.counts_by_hand(of, attempt(), PulledByHand(began_at, frozenset(pulled), HERE), REAL)

    assert counts()
    assert not counts(began_at=NOW.wall - HOUR - 1), "the work went on after it"
    assert not counts(pulled=("x",)), "something else was pulled"
    assert not counts(session()) and not counts(replace(landing_now, pulled_at=1)), "nothing is waited for"
    hook = replace(landing_now, before_end="save")
    assert not counts(hook), "the hook may still have written"
    assert counts(hook, began_at=NOW.wall - HOUR + us(REAL.hook_s + landing.HOOK_MARGIN_S))


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
