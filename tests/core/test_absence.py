"""Creates whose outcome is unknown: when an absence counts, and when it may close one (D6, F41, F65, S4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import (
    absence_is_due,
    may_close_as_absent,
    settle_elapsed_after,
    unlabelled_candidate,
)
from gpushopper.core.listing.reconcile import reconcile_list
from gpushopper.core.listing.uncertain_create import close_if_absent
from gpushopper.core.model.actions import Action, ClearAlarm, CloseAttempt, RaiseAlarm
from gpushopper.core.model.attempt import Attempt, DesiredState, ReceiptKind, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import (
    BOOT,
    FOREIGN,
    NOW,
    WALL,
    attempt,
    carried_out,
    moment,
    of,
    recorded,
    row,
    seen,
)

UNSURE = attempt(State.UNCERTAIN)
SETTLED = replace(UNSURE, settle_elapsed_us=us(600), last_complete_list_boot=BOOT)
FOREIGN_ROW = row(9, label=None, host_id="other")


def look(one: Attempt, after_s: float, *rows: Instance, **changes: Any) -> list[Action]:
    """What one list without its label says about an uncertain create."""
    values = {"known": [one], **changes}
    return reconcile_list(recorded(one), seen(FOREIGN_ROW, *rows, now=moment(after_s), **values), moment(after_s), REAL)


def looked(one: Attempt, *after_s: float) -> Attempt:
    for at in after_s:
        one = carried_out(one, look(one, at))
    return one


def is_closed(one: Attempt) -> bool:
    return bool(of(CloseAttempt, close_if_absent(one, moment(5000), REAL)))


# ---- time that counts


def test_only_time_between_two_complete_lists_counts():
    assert looked(UNSURE, 10).settle_elapsed_us == 0
    assert looked(UNSURE, 10, 40).settle_elapsed_us == us(30)


def test_a_sleep_between_lists_adds_at_most_one_and_a_half_poll_intervals():
    assert settle_elapsed_after(replace(UNSURE, last_complete_list_boot=BOOT), BOOT + us(9 * 3600), REAL) == us(90)
    assert looked(UNSURE, 0, 9 * 3600).settle_elapsed_us == us(90)


@given(st.lists(st.floats(0, 1e6), max_size=20))
def test_settle_time_is_never_more_than_the_lists_prove(gaps: list[float]):
    one, at = looked(UNSURE, 0), 0.0
    for gap in gaps:
        at += gap
        before = one.settle_elapsed_us
        one = looked(one, at)
        assert 0 <= one.settle_elapsed_us - before <= us(90)


@pytest.mark.parametrize("changes", [{"is_complete": False}, {"known": []}])
def test_a_list_that_proves_nothing_breaks_the_time(changes: dict[str, Any]):
    after = carried_out(SETTLED, look(SETTLED, 60, **changes))
    assert (after.settle_elapsed_us, after.absence_count, after.last_complete_list_boot) == (us(600), 0, None)
    assert looked(after, 90).settle_elapsed_us == us(600), "the first look after it starts the time again"


# ---- units


def test_absence_before_the_settle_time_does_not_count():
    early = replace(UNSURE, settle_elapsed_us=us(539), last_complete_list_boot=BOOT)
    assert looked(early, 60).absence_count == 0
    assert looked(early, 60).settle_elapsed_us == us(599)
    assert looked(early, 61).absence_count == 1


def test_absences_are_a_minute_apart():
    one = looked(SETTLED, 60)
    assert one.absence_count == 1
    assert looked(one, 119.9).absence_count == 1
    assert looked(one, 120).absence_count == 2
    assert not absence_is_due(one, moment(119.9).boot, REAL.absence_spacing_s)


@pytest.mark.parametrize(
    ("absence_count", "awake_s", "closes"), [(3, 600, True), (2, 6000, False), (3, 599.9, False), (9, 0, False)]
)
def test_an_absent_create_needs_three_absences_and_all_settle_time(absence_count: int, awake_s: float, closes: bool):
    one = replace(UNSURE, absence_count=absence_count, settle_elapsed_us=us(awake_s))
    assert may_close_as_absent(one, REAL) is closes
    assert is_closed(one) is closes


def test_an_absent_create_closes_with_its_evidence():
    (close,) = of(CloseAttempt, close_if_absent(replace(UNSURE, absence_count=3, settle_elapsed_us=us(777)), NOW, REAL))
    assert (close.kind, close.reason, close.ended_at) == (ReceiptKind.ABSENT, "create_not_found", WALL)
    assert close.evidence == {"absence_count": 3, "settle_s": 777}
    unwanted = replace(
        UNSURE, absence_count=3, settle_elapsed_us=us(777), desired_state=DesiredState.TERMINATED, reason="user"
    )
    assert of(CloseAttempt, close_if_absent(unwanted, NOW, REAL))[0].reason == "user"


@pytest.mark.parametrize("state", [s for s in State if s is not State.UNCERTAIN])
def test_absence_closes_nothing_but_an_uncertain_create(state: State):
    assert close_if_absent(attempt(state, absence_count=99, settle_elapsed_us=us(9999)), NOW, REAL) == []


def test_a_known_id_is_never_closed_by_absence():
    assert (
        close_if_absent(replace(UNSURE, instance_id="5", absence_count=99, settle_elapsed_us=us(9999)), NOW, REAL) == []
    )


@given(st.lists(st.tuples(st.floats(0.5, 4000), st.booleans()), max_size=25))
def test_no_sequence_of_lists_closes_a_create_before_the_settle_time(story: list[tuple[float, bool]]):
    one, at, vouched, good_before = UNSURE, 0.0, 0.0, False
    for gap, is_complete in story:
        at += gap
        one = carried_out(one, look(one, at, is_complete=is_complete))
        vouched += min(gap, 90) if is_complete and good_before else 0
        good_before = is_complete
        if is_closed(one):
            assert vouched >= 599.99 and at >= 600 + 120 - 1
            return


def test_a_copied_home_gathers_no_absence_and_closes_nothing():
    one = replace(SETTLED, absence_count=2, first_absence_boot=BOOT, last_absence_boot=BOOT)
    listed = seen(FOREIGN_ROW, now=moment(60), known=[one])
    assert reconcile_list(recorded(one, is_copied_home=True), listed, moment(60), REAL) == []
    assert carried_out(one, reconcile_list(recorded(one), listed, moment(60), REAL)).absence_count == 3


# ---- probably ours


def test_an_unlabelled_instance_that_may_be_ours_holds_the_close():
    one = replace(SETTLED, absence_count=2, first_absence_boot=BOOT, last_absence_boot=BOOT)
    actions = look(one, 60, row(1, label=None, created_at=WALL + us(5)))
    after = carried_out(one, actions)
    assert (after.absence_count, after.settle_elapsed_us) == (0, us(660))
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.POSSIBLE_ORPHAN, one.id)]
    assert not is_closed(after)


def test_the_alarm_clears_when_it_is_no_longer_listed():
    assert ClearAlarm(alarms.POSSIBLE_ORPHAN, SETTLED.id) in look(SETTLED, 60)


@pytest.mark.parametrize(
    ("changes", "held_back"),
    [
        ({"label": None}, True),
        ({"label": ""}, True),
        ({"label": UNSURE.label[:20]}, True),
        ({"label": UNSURE.label.upper()}, True),
        ({"label": f"{UNSURE.label} (my edit)"}, True),
        ({"label": f"my {UNSURE.label}"}, False),
        ({"label": "my training run"}, False),
        ({"label": UNSURE.label}, False),
        ({"label": None, "env_label": UNSURE.label}, False),
        ({"label": None, "host_id": "other"}, False),
        ({"label": None, "host_id": None}, True),
        ({"label": None, "image": "other"}, False),
        ({"label": None, "image": None}, True),
        ({"label": None, "created_at": WALL - us(120)}, True),
        ({"label": None, "created_at": WALL - us(120) - 1}, False),
        ({"label": None, "created_at": None}, True),
    ],
)  # fmt: skip
def test_same_host_same_image_no_label_after_the_send_is_a_candidate(changes: dict[str, Any], held_back: bool):
    found = unlabelled_candidate(UNSURE, [row(7, **{"created_at": WALL + 1, **changes})])
    assert (found is not None) is held_back


def test_before_the_send_nothing_is_a_candidate():
    assert unlabelled_candidate(replace(UNSURE, sent_at=None), [row(label=None)]) is None
    assert unlabelled_candidate(UNSURE, [FOREIGN_ROW, FOREIGN]) == FOREIGN
