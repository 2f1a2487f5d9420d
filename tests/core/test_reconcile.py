"""What a list means for the recorded state: adopt, reopen, duplicate, orphan; foreign ones are not touched (D4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core import alarms
from gpushopper.core.listing.ownership import FOREIGN as FOREIGN_ID
from gpushopper.core.listing.ownership import KnownInstances
from gpushopper.core.listing.reconcile import reconcile_list
from gpushopper.core.model.actions import (
    Action,
    AdoptOrphan,
    ClearAlarm,
    DestroyDuplicate,
    RaiseAlarm,
    RecordOwnership,
    Relabel,
    UpdateAttempt,
)
from gpushopper.core.model.attempt import Attempt, DesiredState, Origin, State
from gpushopper.core.model.instance import Instance, StatusClass, make_label
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, us
from tests.core.samples import (
    BOOT,
    ELSEWHERE,
    FOREIGN,
    NOW,
    RATE,
    WALL,
    attempt,
    attempt_id,
    carried_out,
    moment,
    of,
    recorded,
    row,
    seen,
)

LATER = moment(3600)
UNSURE = attempt(State.UNCERTAIN)
CLOSED = attempt(State.CLOSED, instance_id="101")
NEVER_SEEN = attempt(State.CLOSED, instance_id=None)
SECOND = row(1, instance_id="202")
"""Another instance under the label of attempt 1."""


def decide(attempts: list[Attempt], *rows: Instance, **changes: Any) -> list[Action]:
    now, ids = changes.pop("now", LATER), changes.pop("ids", KnownInstances())
    return reconcile_list(recorded(*attempts, ids=ids), seen(*rows, now=now, known=attempts, **changes), now, REAL)


# ---- strangers


@given(
    label=st.none() | st.text() | st.builds(make_label, st.just(ELSEWHERE), st.just(attempt_id())),
    carrier=st.sampled_from(["label", "env_label"]),
)
def test_foreign_instances_are_never_touched(label: str | None, carrier: str):
    strangers = [FOREIGN, row(9, **{"label": None, carrier: label})]
    assert only_recorded(decide([attempt(), CLOSED], *strangers))


@pytest.mark.parametrize("cut", [1, 4, 20, 35])
def test_an_altered_label_of_ours_makes_an_unknown_instance_foreign(cut: int):
    label = CLOSED.label
    for near in (label[:cut], label[-cut:], label.upper(), f"{label} ", f"x{label}", label[:-1] + "1"):
        assert only_recorded(decide([CLOSED], row(9, label=near)))


def only_recorded(actions: list[Action]) -> bool:
    """Whether a foreign instance was at most written down as foreign."""
    return all(isinstance(one, RecordOwnership) and (one.label, one.ownership) == (None, FOREIGN_ID) for one in actions)


def test_the_same_attempt_of_another_installation_is_foreign():
    actions = decide([CLOSED], row(9, label=make_label(ELSEWHERE, attempt_id())))
    assert actions == [RecordOwnership("vast", "77", "109", None, FOREIGN_ID)]


def test_an_empty_list_changes_nothing():
    """Absence of a known id is only ever counted after a read by id."""
    assert decide([attempt(), attempt(State.BOOTING, 2), attempt(State.DESTROYING, 3), CLOSED]) == []


# ---- known ids


def test_an_open_known_instance_is_refreshed_also_by_a_partial_list():
    one = attempt(State.MISSING, missing_at=WALL)
    for is_complete in (True, False):
        assert carried_out(one, decide([one], row(), is_complete=is_complete)).state is State.RUNNING


def test_a_recorded_id_is_enough_without_any_label():
    one = attempt(State.RUNNING)
    assert carried_out(one, decide([one], row(label=None))).last_seen_at == LATER.wall


@pytest.mark.parametrize("label", [CLOSED.label, None, "renamed"])
def test_a_closed_instance_seen_again_is_destroyed(label: str | None):
    actions = decide([CLOSED], row(label=label), ids=KnownInstances(confirmed=frozenset({"101"})))
    after = carried_out(CLOSED, actions)
    assert (after.state, after.next_destroy_boot, after.desired_state) == (
        State.DESTROYING,
        LATER.boot,
        DesiredState.TERMINATED,
    )
    assert (after.destroy_acknowledged, after.absence_count, after.off_at) == (False, 0, None)
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.REOPENED, CLOSED.id)]


def test_one_row_shown_twice_is_one_row():
    assert decide([attempt()], row(), row()) == decide([attempt()], row())
    assert len(of(AdoptOrphan, decide([], row(), row()))) == 1
    assert of(DestroyDuplicate, decide([NEVER_SEEN], row(), row())) == []


# ---- creates whose id is unknown


@pytest.mark.parametrize("state", [State.SENT, State.UNCERTAIN])
@pytest.mark.parametrize("carrier", ["label", "env_label"])
def test_a_label_proves_that_the_create_made_it(state: State, carrier: str):
    one = attempt(state, absence_count=2, settle_elapsed_us=us(9999))
    found = row(**{"label": None, carrier: one.label})
    actions = decide([one], found)
    after = carried_out(one, actions)
    assert (after.state, after.instance_id, after.current_rate, after.absence_count) == (State.BOOTING, "101", RATE, 0)
    assert after.progress_boot == LATER.boot
    for kind in (alarms.UNCERTAIN, alarms.POSSIBLE_ORPHAN):
        assert ClearAlarm(kind, one.id) in actions
    assert of(DestroyDuplicate, actions) == []


def test_a_terminated_create_that_made_an_instance_is_destroyed():
    one = replace(UNSURE, desired_state=DesiredState.TERMINATED)
    after = carried_out(one, decide([one], row()))
    assert (after.state, after.instance_id, after.next_destroy_boot) == (State.DESTROYING, "101", LATER.boot)


def test_a_terminated_create_in_flight_boots_first():
    """The table knows no way from sent to destroying; the next look sends it there."""
    one = attempt(State.SENT, desired_state=DesiredState.TERMINATED)
    booting = carried_out(one, decide([one], row()))
    assert booting.state is State.BOOTING
    assert carried_out(booting, decide([booting], row())).state is State.DESTROYING


@pytest.mark.parametrize("state", [State.PREPARED, State.SENT, State.UNCERTAIN])
def test_an_open_create_without_an_id_never_leads_to_a_destroy(state: State):
    one = attempt(state)
    old = row(created_at=WALL - 20 * HOUR)
    for rows in ([old], [old, replace(old, instance_id="202")]):
        actions = decide([one], *rows, now=moment(9000))
        assert of(DestroyDuplicate, actions) == []
        assert carried_out(one, actions).state is not State.DESTROYING


def test_of_two_instances_an_uncertain_create_takes_the_lowest_id():
    nine, ten = row(instance_id="9"), row(instance_id="10")
    for rows in ([nine, ten], [ten, nine]):
        actions = decide([UNSURE], *rows)
        assert carried_out(UNSURE, actions).instance_id == "9"
        assert of(DestroyDuplicate, actions) == []


def test_an_adopted_create_gathers_no_absence_in_the_same_pass():
    after = carried_out(
        replace(UNSURE, settle_elapsed_us=us(9999), last_complete_list_boot=BOOT), decide([UNSURE], row())
    )
    assert after.absence_count == 0


# ---- closed labels


def test_an_instance_under_a_closed_label_without_an_id_is_reopened():
    actions = decide([NEVER_SEEN], row())
    after = carried_out(NEVER_SEEN, actions)
    assert (after.state, after.instance_id) == (State.DESTROYING, "101")
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.REOPENED, NEVER_SEEN.id)]


def test_two_late_instances_under_one_closed_label_are_both_destroyed():
    actions = decide([NEVER_SEEN], row(), SECOND)
    assert len(of(UpdateAttempt, actions)) == 1, "an id is written once"
    assert carried_out(NEVER_SEEN, actions).instance_id == "101"
    assert [duplicate.instance.instance_id for duplicate in of(DestroyDuplicate, actions)] == ["202"]


def test_another_instance_under_a_closed_label_is_destroyed_at_once():
    actions = decide([CLOSED], replace(SECOND, created_at=None))
    assert [(duplicate.instance, duplicate.duplicate_of) for duplicate in of(DestroyDuplicate, actions)] == [
        (replace(SECOND, created_at=None), CLOSED)
    ]
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.DUPLICATE, "202")]


# ---- duplicates under an open label


def strange(attempts: list[Attempt], duplicate: Instance, since_s: float | None, **changes: Any) -> list[Action]:
    """What a list says when this row was first seen under a recorded label so long ago, or never."""
    since = {} if since_s is None else {duplicate.instance_id: LATER.wall - us(since_s)}
    return reconcile_list(
        recorded(*attempts, duplicates_since=since),
        seen(row(), duplicate, now=LATER, known=attempts, **changes),
        LATER,
        REAL,
    )


@pytest.mark.parametrize(
    ("since_s", "age_s", "destroyed"),
    [
        (2, 900, True), (None, 9000, False), (2, 899, False), (9000, 899, False), (9000, 900, True),
        (900, None, True), (899, None, False), (None, None, False),
    ],
)  # fmt: skip
def test_a_duplicate_of_an_open_attempt_needs_an_earlier_sighting_and_a_minimum_age(
    since_s: float | None, age_s: float | None, destroyed: bool
):
    one = attempt(State.RUNNING)
    actions = strange([one], replace(SECOND, created_at=None if age_s is None else LATER.wall - us(age_s)), since_s)
    assert bool(of(DestroyDuplicate, actions)) is destroyed
    after = carried_out(one, actions)
    assert (after.state, after.instance_id) == (State.RUNNING, "101"), "the recorded one is kept"


@pytest.mark.parametrize("since_s", [None, 2, 9000])
def test_a_duplicate_alarms_at_first_sight_and_at_every_later_one(since_s: float | None):
    actions = strange([attempt(State.RUNNING)], replace(SECOND, created_at=None), since_s)
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.DUPLICATE, "202")]


def test_a_duplicate_of_a_terminated_attempt_is_destroyed_at_first_sight():
    """Nobody wants anything under that label any more, and another attempt must not start beside it (F10)."""
    one = attempt(State.DESTROYING, desired_state=DesiredState.TERMINATED)
    young = replace(SECOND, created_at=LATER.wall - us(3))
    (duplicate,) = of(DestroyDuplicate, strange([one], young, None))
    assert (duplicate.instance, duplicate.duplicate_of) == (young, one)


def test_a_list_without_a_proven_account_shows_no_duplicate_and_no_orphan():
    for maker in (attempt(State.RUNNING), CLOSED):
        actions = strange([maker], replace(SECOND, created_at=WALL - 20 * HOUR), 9000, is_complete=False)
        assert of(DestroyDuplicate, actions) == []
        assert alarms.DUPLICATE not in {alarm.kind for alarm in of(RaiseAlarm, actions)}
    assert decide([], row(), is_complete=False) == []


def test_a_duplicate_is_one_of_the_created_attempt_not_of_another_duplicate():
    one = attempt(State.RUNNING)
    other = attempt(State.CLOSED, 1, instance_id="77", origin=Origin.DISCOVERED, label=one.label, reason="duplicate")
    for pair in ([one, other], [other, one]):
        (duplicate,) = of(DestroyDuplicate, strange(pair, replace(SECOND, created_at=WALL), 60))
        assert duplicate.duplicate_of == one


def test_a_recorded_duplicate_is_no_new_duplicate():
    one = attempt(State.RUNNING)
    duplicate = attempt(
        State.DESTROYING, 1, instance_id="202", origin=Origin.DISCOVERED, label=one.label, reason="duplicate"
    )
    assert of(DestroyDuplicate, strange([one, duplicate], replace(SECOND, created_at=WALL), 9000)) == []
    # The same, where another account's attempt holds the id, so that it is no known instance here (F45).
    elsewhere = {"by_instance": {"101": one}, "duplicates_since": {"202": WALL}}
    actions = reconcile_list(
        recorded(one, duplicate, **elsewhere), seen(row(), SECOND, now=LATER, known=[one]), LATER, REAL
    )
    assert of(DestroyDuplicate, actions) == [] and of(RaiseAlarm, actions) == []


# ---- a copied home


def test_a_copied_home_ends_what_is_open_and_concludes_nothing():
    one, duplicate = attempt(State.RUNNING), replace(SECOND, created_at=WALL - 20 * HOUR)
    listed = seen(row(), duplicate, now=LATER, known=[one])
    actions = reconcile_list(recorded(one, is_copied_home=True, duplicates_since={"202": WALL}), listed, LATER, REAL)
    assert carried_out(one, actions).last_seen_at == LATER.wall
    assert of(RaiseAlarm, actions) == [] and of(DestroyDuplicate, actions) == []
    for attempts in ([CLOSED], [NEVER_SEEN], [UNSURE], []):
        listed = seen(row(), duplicate, now=LATER, known=attempts)
        assert reconcile_list(recorded(*attempts, is_copied_home=True), listed, LATER, REAL) == []


# ---- GPU time of what was found


@pytest.mark.parametrize("status", StatusClass)
@pytest.mark.parametrize(
    "one", [UNSURE, CLOSED, NEVER_SEEN, attempt(State.UNCERTAIN, desired_state=DesiredState.TERMINATED)]
)
def test_what_is_found_running_has_billed_since(one: Attempt, status: StatusClass):
    after = carried_out(one, decide([one], row(status=status)))
    assert after.is_gpu_billed is (status is StatusClass.RUNNING)


# ---- orphans


@pytest.mark.parametrize(
    ("age_s", "left_s"),
    [(0, 3600), (10 * 3600, 3600), (11.5 * 3600, 1800), (11.9 * 3600, 900), (500 * 3600, 900), (None, 3600)],
)
def test_an_orphan_gets_an_hour_within_the_hard_maximum_and_at_least_a_quarter(age_s: float | None, left_s: float):
    orphan = row(created_at=None if age_s is None else LATER.wall - us(age_s))
    actions = decide([], orphan)
    (adopted,) = of(AdoptOrphan, actions)
    assert (adopted.instance, adopted.attempt_id) == (orphan, attempt_id())
    assert (adopted.provider, adopted.account) == ("vast", "77")
    assert adopted.deadline.wall == LATER.wall + us(left_s)
    assert (adopted.deadline.set_wall, adopted.deadline.set_boot) == (LATER.wall, LATER.boot)
    assert of(DestroyDuplicate, actions) == [] and of(UpdateAttempt, actions) == []


def test_two_orphans_of_one_label_are_adopted_one_after_the_other():
    first = decide([], row(), SECOND)
    assert [orphan.instance.instance_id for orphan in of(AdoptOrphan, first)] == ["101"]
    one = attempt(State.BOOTING, origin=Origin.DISCOVERED, ready_at=WALL)
    then = decide([one], row(), SECOND)
    assert of(AdoptOrphan, then) == []
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, then)] == [(alarms.DUPLICATE, "202")]


# ---- the second carrier


@pytest.mark.parametrize("label", [None, ""])
def test_a_lost_label_is_written_again_from_the_other_carrier(label: str | None):
    one = attempt(State.RUNNING)
    assert Relabel("101", one.label) in decide([one], row(label=label, env_label=one.label))


@pytest.mark.parametrize(
    ("label", "env_label"),
    [(CLOSED.label, CLOSED.label), ("my run", CLOSED.label), (None, None), (None, make_label(ELSEWHERE, attempt_id()))],
)
def test_nothing_else_is_relabelled(label: str | None, env_label: str | None):
    assert of(Relabel, decide([attempt()], row(label=label, env_label=env_label))) == []


@given(
    states=st.lists(st.sampled_from(State), min_size=1, max_size=3),
    shown=st.lists(st.integers(1, 4), max_size=6),
    is_complete=st.booleans(),
)
def test_a_list_alone_never_ends_a_wanted_attempt(states: list[State], shown: list[int], is_complete: bool):
    attempts = [
        attempt(state, n, **({} if state is State.CLOSED else {"desired_state": DesiredState.RUNNING, "reason": ""}))
        for n, state in enumerate(states, 1)
    ]
    actions = decide(attempts, *(row(n) for n in shown), is_complete=is_complete, now=NOW)
    for one in attempts:
        after = carried_out(one, actions)
        if one.state not in (State.CLOSED, State.DESTROYING):
            assert after.state not in (State.CLOSED, State.DESTROYING)
            assert after.is_wanted
        assert one.instance_id is None or after.instance_id == one.instance_id, "an id never changes"
