"""An early end is acted on only where a row allows it and it was heard; absence plus permission proves nothing (E5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.ends.early_end import (
    allowed_ends,
    announced,
    end_as_heard,
    has_gone_silent,
    on_ends_heard,
    own_end_us,
    reason_of,
)
from gpushopper.core.model.actions import EndSession, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.core.model.heartbeat import GuardStatus, Hardware, Heartbeat
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import WALL, attempt, change, moment, of, session

RUN = RunEnd("s1", "r1", RunEndMode.ALWAYS, False, WALL)
NOTHING: frozenset[str] = frozenset()
IDLE = frozenset({"idle"})
GUARD = GuardStatus(True, "", 3600, 40_000, 1, 2, ends=(("idle", 90), ("run-lost", -4)), knows_ends=True)


def heard(
    *ends: tuple[str, int], one: Attempt | None = None, allowed: frozenset[str] = IDLE, own_end_s: int = 0, **more: Any
) -> list[Any]:
    return on_ends_heard(session(**more), one or attempt(), ends, allowed, moment(10), us(own_end_s))


def gone(**changes: Any) -> Attempt:
    """An attempt that announced an idle end at its last heartbeat, and is silent and absent since."""
    values: dict[str, Any] = {
        "ending_reason": "idle", "ending_at": WALL + us(30), "ending_heard_at": WALL, "heartbeat_at": WALL,
        "silent_since": WALL + us(30), "absence_count": 1, "missing_at": WALL + us(40),
    }  # fmt: skip
    return replace(attempt(State.MISSING), **values | changes)


def test_what_allows_an_end_is_a_row_of_this_session():
    other = replace(RUN, session_id="s2")
    assert allowed_ends(session(), attempt(), ()) == allowed_ends(session(), attempt(), (other,)) == NOTHING
    assert allowed_ends(session(idle_us=1), attempt(), ()) == IDLE
    assert allowed_ends(session(contact_us=1), attempt(), (RUN,)) == {"contact", "run_done"}


def test_a_limit_that_the_instance_may_still_have_goes_on_to_allow_its_end():
    was = attempt(confirmed_limits="idle=1800 when=any contact=0")
    assert allowed_ends(session(), was, ()) == IDLE
    assert allowed_ends(session(), replace(was, confirmed_limits="idle=0 contact=60"), ()) == {"contact"}


def test_the_words_of_an_instance_may_say_more_than_the_reason():
    assert [reason_of(word) for word in ("idle", "run-lost", "done", "deadline")] == [
        "idle", "run_done", "done", "deadline",
    ]  # fmt: skip


def test_an_allowed_end_that_is_announced_is_shown_and_not_yet_acted_on():
    actions = heard(("idle", 90))
    assert of(EndSession, actions) == []
    assert change(actions).fields == {
        "ending_reason": "idle", "ending_at": WALL + us(100), "ending_heard_at": WALL + us(10),
    }  # fmt: skip
    event = change(actions).event
    assert event is not None and (event.kind, event.data["allowed"]) == ("ending", True)


def test_it_is_told_once_and_again_only_where_it_moved():
    told = attempt(ending_reason="idle", ending_at=WALL + us(100))
    assert change(heard(("idle", 90), one=told)).event is None
    assert change(heard(("idle", 300), one=told)).event is not None
    assert change(heard(("contact", 90), one=told, allowed=frozenset({"contact"}))).event is not None


@pytest.mark.parametrize("reason", ["idle", "contact", "run_done"])
def test_an_allowed_end_that_is_still_shown_at_its_time_ends_the_session_with_its_reason(reason: str):
    told = attempt(ending_reason=reason, ending_at=WALL)
    (end,) = of(EndSession, heard((reason, 0), one=told, allowed=frozenset({reason})))
    assert end.reason == reason


@pytest.mark.parametrize(("due_s", "ends"), [(9, False), (-79, False), (-80, True), (11, False)])
def test_its_instance_is_left_time_to_end_itself(due_s: int, ends: bool):
    """Its own destroy comes first; what it announced for is kept meanwhile, so that the wait is over some time (E5)."""
    told = attempt(ending_reason="idle", ending_at=WALL + us(due_s))
    actions = heard(("idle", 0), one=told, own_end_s=90)
    assert bool(of(EndSession, actions)) is ends
    assert change(actions).fields["ending_at"] == WALL + us(min(due_s, 10))
    assert of(EndSession, heard(("idle", 3), one=told, own_end_s=90)) == []


@pytest.mark.parametrize(
    ("kind", "guard", "waits"),
    [
        (EndingKind.SELF_DESTROY, GUARD, True),
        (EndingKind.POWEROFF_STOPS_BILLING, GUARD, True),
        (EndingKind.POWEROFF_ONLY, GUARD, False),
        (EndingKind.NONE, GUARD, False),
        (EndingKind.SELF_DESTROY, replace(GUARD, armed=False), False),
        (EndingKind.SELF_DESTROY, None, False),
    ],
)
def test_only_an_instance_that_can_end_itself_is_waited_for(kind: EndingKind, guard: GuardStatus | None, waits: bool):
    assert own_end_us(kind, guard, REAL) == (us(90) if waits else 0)


def test_an_end_that_is_heard_for_the_first_time_at_its_time_is_noted_and_not_yet_acted_on():
    """So it is after this computer has slept: the outputs of runs are fetched before the next heartbeat (E5)."""
    actions = heard(("idle", 0))
    assert of(EndSession, actions) == [] and change(actions).fields["ending_reason"] == "idle"
    other = attempt(ending_reason="contact", ending_at=WALL)
    assert of(EndSession, heard(("idle", 0), one=other)) == []


@pytest.mark.parametrize("reason", ["idle", "contact", "run_done", "whatever"])
def test_an_end_that_no_row_allows_is_text_only(reason: str):
    actions = heard((reason, 0), one=attempt(ending_reason=reason, ending_at=WALL + us(600)), allowed=NOTHING)
    assert of(EndSession, actions) == [] and change(actions).fields["ending_reason"] == reason
    event = change(actions).event
    assert event is not None and event.data["allowed"] is False


@pytest.mark.parametrize(
    ("wanted", "there", "ends"),
    [
        ({"idle_us": us(1800)}, "idle=1800 when=any contact=0", True),
        ({"idle_us": us(600)}, "idle=1800 when=any contact=0", True),
        ({"idle_us": us(1800), "idle_when": "gpu"}, "idle=1800 when=any contact=0", True),
        ({}, "idle=1800 when=any contact=0", False),
        ({"idle_us": us(4 * 3600)}, "idle=1800 when=any contact=0", False),
        ({"idle_us": us(1800)}, "idle=1800 when=gpu contact=0", False),
        ({"idle_us": us(1800)}, "idle=0 when=any contact=60", False),
    ],
    ids=["the same", "lowered", "GPUs alone", "off", "raised", "more counts as use", "never there"],
)
def test_a_limit_that_was_withdrawn_or_raised_ends_nothing_from_here(wanted: dict[str, Any], there: str, ends: bool):
    """Its instance may still end by it, until it has confirmed the change; the daemon does not (E5, E9)."""
    one = attempt(confirmed_limits=there, ending_reason="idle", ending_at=WALL)
    first = change(heard(("idle", 0), ("run_done", 60), one=one, allowed=IDLE | {"run_done"}, **wanted))
    assert first.fields["ending_reason"] == ("idle" if ends else "run_done")  # it hides no other end
    assert bool(of(EndSession, heard(("idle", 0), one=one, **wanted))) is ends
    was = gone(confirmed_limits=there)
    assert bool(end_as_heard(session(**wanted), was, IDLE, moment(75), REAL)) is ends


def test_done_needs_no_row_because_it_was_heard_over_the_pinned_key():
    told = attempt(ending_reason="done", ending_at=WALL)
    (end,) = of(EndSession, heard(("done", 0), one=told, allowed=NOTHING))
    assert end.reason == "done"


def test_an_allowed_end_is_taken_before_an_earlier_one_that_is_not():
    assert change(heard(("contact", 0), ("idle", 60))).fields["ending_reason"] == "idle"
    assert change(heard(("idle", 60), ("done", 30))).fields["ending_reason"] == "done"


@pytest.mark.parametrize(
    "one",
    [attempt(State.DESTROYING), attempt(State.BOOTING), attempt(desired_state=DesiredState.TERMINATED)],
)
def test_nothing_is_concluded_of_an_attempt_that_is_not_in_use(one: Attempt):
    assert heard(("idle", 0), one=one) == []
    assert heard(("idle", 0), desired_state=DesiredState.TERMINATED) == []


def test_what_the_guard_obeys_is_what_is_announced():
    assert announced(Heartbeat(GUARD, Hardware())) == (("idle", 90), ("run_done", 0))
    assert announced(Heartbeat(None, Hardware())) == ()


@pytest.mark.parametrize(
    ("changes", "after_s", "is_looked_for"),
    [
        ({}, 30, True),
        ({}, 29, False),
        ({"silent_since": None}, 30, False),
        ({"state": State.MISSING}, 30, False),
        ({"ending_at": None}, 30, False),
    ],
)
def test_one_that_is_silent_at_its_end_is_looked_for_at_once(
    changes: dict[str, Any], after_s: float, is_looked_for: bool
):
    assert has_gone_silent(gone(**{"state": State.RUNNING} | changes), moment(after_s)) is is_looked_for


def test_heard_at_the_last_heartbeat_then_silent_and_absent_is_that_end():
    (end,) = of(EndSession, end_as_heard(session(), gone(), IDLE, moment(75), REAL))
    assert end.reason == "idle"


@pytest.mark.parametrize(
    ("changes", "allowed", "after_s"),
    [
        ({}, NOTHING, 75),
        ({"silent_since": WALL - us(20)}, IDLE, 29),
        ({}, IDLE, 74),
        ({"silent_since": None}, IDLE, 75),
        ({"absence_count": 0}, IDLE, 75),
        ({"state": State.RUNNING}, IDLE, 75),
        ({"ending_at": WALL + us(50)}, IDLE, 75),
        ({"heartbeat_at": WALL + us(15)}, IDLE, 75),
        ({"ending_reason": "", "ending_at": None, "ending_heard_at": None}, IDLE, 75),
        ({"desired_state": DesiredState.TERMINATED}, IDLE, 75),
    ],
    ids=["no row", "too early", "silent for one login", "not silent", "not absent", "listed", "heard long before",
         "heard again without it", "never heard", "ending already"],
)  # fmt: skip
def test_with_any_part_missing_it_is_no_proof(changes: dict[str, Any], allowed: frozenset[str], after_s: float):
    assert end_as_heard(session(), gone(**changes), allowed, moment(after_s), REAL) == []


def test_no_action_but_the_end_of_the_session_comes_of_it():
    told = attempt(ending_reason="idle")
    assert [type(action) for action in heard(("idle", 0), one=told)] == [UpdateAttempt, EndSession]
