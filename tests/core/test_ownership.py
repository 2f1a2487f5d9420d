"""Whose an id is: what a label proves or contradicts, and what an attempt does that has another's id (I3, I28, F12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core import alarms
from gpushopper.core.listing.ownership import (
    CONFIRMED,
    DISOWNED,
    KnownInstances,
    has_label,
    has_other_label,
    is_contradicted,
    is_foreign,
)
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
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.core.samples import (
    ELSEWHERE,
    HARD_MAX,
    HERE,
    attempt,
    attempt_id,
    carried_out,
    gs1_label,
    gs2_label,
    moment,
    of,
    recorded,
    row,
    seen,
)

BOOTING = attempt(State.BOOTING)
LABEL = BOOTING.label
ANOTHER = gs2_label(HERE, attempt_id(2))
"""The label of another attempt of ours."""
THEIRS = gs2_label(ELSEWHERE, attempt_id(1))
SURE = KnownInstances(confirmed=frozenset({"101"}))
NOT_OURS = KnownInstances(disowned=frozenset({"101"}))
OURS = row(1, instance_id="202")
"""The instance that the create really made."""
UNCONFIRMED = [State.BOOTING, State.MISSING, State.DESTROYING]


def decide(one: Attempt, *rows: Instance, ids: KnownInstances | None = None, after_s: float = 60) -> list[Action]:
    now = moment(after_s)
    return reconcile_list(recorded(one, ids=ids or KnownInstances()), seen(*rows, now=now, known=[one]), now, REAL)


def doubted(state: State, **changes: Any) -> Attempt:
    return attempt(state, **{"ready_at": None, **changes})


# ---- what a row says


@pytest.mark.parametrize(
    ("label", "variable", "other"),
    [
        (LABEL, None, False),
        (None, LABEL, False),
        ("my training", LABEL, False),
        (LABEL, ANOTHER, False),
        (None, None, False),
        ("", "", False),
        (LABEL[:20], None, False),
        (LABEL.upper(), None, False),
        (f"{LABEL} (mine)", None, False),
        (ANOTHER, None, True),
        (ANOTHER, LABEL, True),
        (THEIRS, None, True),
        (None, ANOTHER, True),
        (None, "something", True),
        ("my training", None, True),
        ("g", None, True),
        (LABEL[:15], None, True),
        (ANOTHER[:35], None, True),
    ],
)
def test_only_a_text_of_its_own_speaks_against_an_id(label: str | None, variable: str | None, other: bool):
    shown = row(label=label, env_label=variable)
    assert has_other_label(LABEL, shown) is other
    assert not (other and has_label(LABEL, shown))
    assert is_contradicted(BOOTING, shown, KnownInstances()) is other


@pytest.mark.parametrize(
    ("label", "theirs"),
    [(None, False), ("", False), (LABEL, False), (LABEL[:18], False), (LABEL[:35].upper(), False),
     ("a colleague's", True), (THEIRS, True), (f"x{LABEL}", True)],
)  # fmt: skip
def test_an_id_is_noted_as_foreign_for_a_text_that_cannot_be_ours(label: str | None, theirs: bool):
    assert is_foreign(row(9, label=label), HERE) is theirs


@pytest.mark.parametrize("label", ["my training", ANOTHER, THEIRS, "", None])
@pytest.mark.parametrize("state", [*UNCONFIRMED, State.RUNNING, State.INTERRUPTED])
def test_a_confirmed_or_ready_id_stays_ours_whatever_a_person_writes(state: State, label: str | None):
    for one, ids in ((doubted(state), SURE), (attempt(state, ready_at=1), KnownInstances())):
        actions = decide(one, row(label=label), ids=ids)
        assert carried_out(one, actions).instance_id == "101"
        assert alarms.WRONG_INSTANCE_ID not in {a.kind for a in of(RaiseAlarm, actions)}


# ---- labels of ours that claim another hard maximum, or are of another version

OTHER_FORMS = [gs2_label(hard_max_at=HARD_MAX - 5 * HOUR), gs2_label(hard_max_at=HARD_MAX + 5 * HOUR), gs1_label()]
FORMS = pytest.mark.parametrize("label", OTHER_FORMS, ids=["earlier", "later", "gs1"])


@FORMS
def test_an_edited_hard_maximum_does_not_make_an_instance_anothers(label: str):
    for shown in (row(label=label), row(label=None, env_label=label), row(label=label, env_label=LABEL)):
        assert has_label(LABEL, shown) and has_label(label, row())
        assert not has_other_label(LABEL, shown) and not is_foreign(shown, HERE)
        assert not is_contradicted(BOOTING, shown, KnownInstances())


@FORMS
@pytest.mark.parametrize("state", [*UNCONFIRMED, State.RUNNING, State.INTERRUPTED])
def test_an_edited_hard_maximum_is_not_trusted_against_the_record_and_is_written_again(state: State, label: str):
    """The label alone is read by who has no record: what it says must be what was recorded."""
    one = doubted(state) if state in UNCONFIRMED else attempt(state)
    actions = decide(one, row(label=label, env_label=LABEL), ids=SURE if state is State.RUNNING else None)
    after = carried_out(one, actions)
    assert (after.instance_id, after.desired_state) == ("101", one.desired_state)
    assert (after.deadline, after.hard_max_at, after.label) == (one.deadline, one.hard_max_at, LABEL)
    assert of(Relabel, actions) == [Relabel("101", LABEL)]
    assert of(AdoptOrphan, actions) == of(DestroyDuplicate, actions) == of(RaiseAlarm, actions) == []


@FORMS
@pytest.mark.parametrize("state", [State.SENT, State.UNCERTAIN])
def test_an_uncertain_create_is_found_by_its_label_in_any_form(state: State, label: str):
    one = attempt(state, instance_id=None)
    actions = decide(one, row(label=label))
    after = carried_out(one, actions)
    assert of(Relabel, actions) == [Relabel("101", LABEL)]
    assert (after.state, after.instance_id, after.hard_max_at) == (State.BOOTING, "101", one.hard_max_at)


@pytest.mark.parametrize("carrier", ["label", "env_label"])
@FORMS
def test_an_instance_under_a_closed_label_in_any_form_is_destroyed(label: str, carrier: str):
    shown = row(**{"label": None, carrier: label})
    closed = attempt(State.CLOSED, instance_id=None)
    assert carried_out(closed, decide(closed, shown)).state is State.DESTROYING
    (duplicate,) = of(DestroyDuplicate, decide(attempt(State.CLOSED, instance_id="9"), shown))
    assert duplicate.duplicate_of.label == LABEL


@pytest.mark.parametrize("state", [*UNCONFIRMED, State.RUNNING, State.UNCERTAIN, State.CLOSED])
def test_an_attempt_with_a_label_of_version_1_is_settled_by_it_as_before(state: State):
    old = attempt(state, label=gs1_label(), **({"instance_id": None} if state is State.UNCERTAIN else {}))
    new = replace(old, label=LABEL)
    for carriers in ({"label": gs1_label()}, {"label": None, "env_label": gs1_label()}):
        before, now = row(**carriers), row(**{name: text and LABEL for name, text in carriers.items()})
        after, as_now = carried_out(old, decide(old, before)), carried_out(new, decide(new, now))
        assert after == replace(as_now, label=old.label)
    wrong = [a for a in of(RaiseAlarm, decide(old, row(label=gs1_label()))) if a.kind != alarms.REOPENED]
    assert of(Relabel, decide(old, row(label=gs1_label()))) == wrong == []


@pytest.mark.parametrize("label", [gs1_label(ELSEWHERE), gs2_label(ELSEWHERE, hard_max_at=HARD_MAX - 100 * HOUR)])
def test_what_another_installation_labelled_is_never_ended_here(label: str):
    """Also long past the hard maximum that its label names."""
    for one in (attempt(), attempt(State.CLOSED), attempt(State.UNCERTAIN, instance_id=None)):
        actions = decide(one, row(9, label=label), row(8, label=None, env_label=label), after_s=20 * 3600)
        assert of(AdoptOrphan, actions) == of(DestroyDuplicate, actions) == of(Relabel, actions) == []
        assert {a.instance_id for a in of(RecordOwnership, actions) if a.ownership != CONFIRMED} == {"108", "109"}
        assert carried_out(one, actions).instance_id == one.instance_id


# ---- giving an id up


@pytest.mark.parametrize("label", ["my training", THEIRS])
@pytest.mark.parametrize("state", UNCONFIRMED)
def test_a_contradicted_attempt_is_uncertain_and_without_its_id(state: State, label: str):
    one = doubted(
        state,
        ssh_host="1.2.3.4",
        is_gpu_billed=True,
        destroy_count=1,
        destroy_acknowledged=True,
        absence_count=2,
        off_at=5,
    )
    actions = decide(one, row(label=label))
    after = carried_out(one, actions)
    assert (after.state, after.instance_id, after.desired_state) == (State.UNCERTAIN, None, one.desired_state)
    assert (after.ssh_host, after.is_gpu_billed, after.absence_count, after.off_at) == (None, False, 0, None)
    assert (after.destroy_count, after.destroy_acknowledged, after.next_destroy_boot) == (0, False, None)
    assert RecordOwnership("vast", "77", "101", None, DISOWNED) in actions
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.WRONG_INSTANCE_ID, "101")]


@pytest.mark.parametrize("state", UNCONFIRMED)
def test_the_instance_of_another_attempt_goes_to_that_attempt(state: State):
    """Two creates were out, and the answer of one came to the other: each label finds its own."""
    one, other = doubted(state), attempt(State.UNCERTAIN, 2)
    now = moment(60)
    rows = seen(row(1, label=ANOTHER), now=now, known=[one, other])
    actions = reconcile_list(recorded(one, other), rows, now, REAL)
    assert (carried_out(one, actions).state, carried_out(one, actions).instance_id) == (State.UNCERTAIN, None)
    assert (carried_out(other, actions).state, carried_out(other, actions).instance_id) == (State.BOOTING, "101")
    assert of(RecordOwnership, actions) == []
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.WRONG_INSTANCE_ID, "101")]


@pytest.mark.parametrize("label", ["my training", None, ""])
@pytest.mark.parametrize("state", UNCONFIRMED)
def test_beside_a_row_with_our_label_another_one_is_not_ours(state: State, label: str | None):
    """The label proves which instance the create made; the wanted one is taken in by the same list."""
    one = doubted(state)
    for rows in ((row(label=label), OURS), (OURS, row(label=label))):
        after = carried_out(one, decide(one, *rows))
        assert after.instance_id == "202"
        assert after.state is (State.DESTROYING if state is State.DESTROYING else State.BOOTING)
        assert of(DestroyDuplicate, decide(one, *rows)) == []


@pytest.mark.parametrize("label", [None, "", LABEL[:18], ANOTHER[:35]])
@pytest.mark.parametrize("state", UNCONFIRMED)
def test_one_that_says_nothing_is_given_up_and_not_disowned(state: State, label: str | None):
    """The create may have made both: when the second one shows its label after all, it must be ended as a duplicate."""
    actions = decide(doubted(state), row(label=label), OURS)
    assert [each for each in of(RecordOwnership, actions) if each.ownership == DISOWNED] == []
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.WRONG_INSTANCE_ID, "101")]


@pytest.mark.parametrize("label", [None, ""])
def test_an_id_without_a_label_stands(label: str | None):
    actions = decide(BOOTING, row(label=label))
    assert carried_out(BOOTING, actions).instance_id == "101"
    assert of(RaiseAlarm, actions) == []


def test_without_a_label_for_ten_minutes_it_alarms_until_one_shows():
    assert of(RaiseAlarm, decide(BOOTING, row(label=None), after_s=599)) == []
    late = decide(BOOTING, row(label=None), after_s=600)
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, late)] == [(alarms.UNLABELLED, BOOTING.id)]
    shown = decide(BOOTING, row(label=None, env_label=LABEL), after_s=900)
    assert ClearAlarm(alarms.UNLABELLED, BOOTING.id) in shown
    assert RecordOwnership("vast", "77", "101", LABEL, CONFIRMED) in shown
    assert of(Relabel, shown) == [Relabel("101", LABEL)]
    assert of(RecordOwnership, decide(BOOTING, row(), ids=SURE)) == []


def test_a_confirmed_one_whose_label_is_removed_is_no_alarm():
    assert of(RaiseAlarm, decide(BOOTING, row(label=None), ids=SURE, after_s=900)) == []


def test_the_instance_with_the_label_is_no_duplicate_of_an_unconfirmed_one():
    """The list does not show the answered id at all: which of the two is ours is open, so neither is ended."""
    old = OURS
    for after_s in (60, 3600):
        actions = decide(BOOTING, old, after_s=after_s)
        assert of(DestroyDuplicate, actions) == of(RaiseAlarm, actions) == []
    assert of(RaiseAlarm, decide(BOOTING, row(), old, after_s=3600, ids=SURE)) != []


@pytest.mark.parametrize(
    ("changes", "ids", "is_complete", "gives_up"),
    [
        ({}, KnownInstances(), True, True),
        ({}, KnownInstances(), False, False),  # a list that may lack more proves no absence
        ({}, SURE, True, False),  # its row has shown our label
        ({}, KnownInstances(disowned=frozenset({"202"})), True, False),
        ({"ready_at": 1}, KnownInstances(), True, False),
        (
            {"desired_state": DesiredState.TERMINATED},
            KnownInstances(),
            True,
            False,
        ),  # it is to be ended, and the other one as its duplicate
    ],
)
def test_an_id_that_is_not_there_gives_way_to_an_instance_with_the_label(
    changes: dict[str, Any], ids: KnownInstances, is_complete: bool, gives_up: bool
):
    """Suspect: a read by id did not show it either."""
    one, now = doubted(State.MISSING, **changes), moment(60)
    rows = seen(OURS, now=now, known=[one], is_complete=is_complete)
    actions = reconcile_list(recorded(one, ids=ids), rows, now, REAL)
    after = carried_out(one, actions)
    assert (after.instance_id == "202") is gives_up
    contradicted = [a.subject for a in of(RaiseAlarm, actions) if a.kind == alarms.WRONG_INSTANCE_ID]
    assert ("101" in contradicted) is gives_up
    assert [each for each in of(RecordOwnership, actions) if each.ownership == DISOWNED] == []


# ---- disowned ids


@pytest.mark.parametrize("state", [State.UNCERTAIN, State.SENT, State.CLOSED])
def test_a_disowned_instance_with_our_label_only_raises_an_alarm(state: State):
    one = attempt(state, instance_id=None)
    actions = decide(one, row(), ids=NOT_OURS)
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.WRONG_INSTANCE_ID, "101")]
    assert carried_out(one, actions).instance_id is None
    assert of(Relabel, actions) == of(AdoptOrphan, actions) == of(DestroyDuplicate, actions) == []


def test_a_disowned_instance_is_no_orphan_and_no_duplicate():
    duplicate = decide(attempt(State.RUNNING, instance_id="202"), row(), ids=NOT_OURS)
    orphan = decide(attempt(State.RUNNING, 2), row(), ids=NOT_OURS)
    for actions in (duplicate, orphan):
        assert of(AdoptOrphan, actions) == of(DestroyDuplicate, actions) == []
        assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.WRONG_INSTANCE_ID, "101")]


def test_while_one_carries_the_label_absence_does_not_count():
    unsure = attempt(State.UNCERTAIN, settle_elapsed_us=10**12, absence_count=2, last_complete_list_boot=0)
    assert carried_out(unsure, decide(unsure, row(), ids=NOT_OURS)).absence_count == 0


def test_a_disowned_one_without_a_label_is_not_probably_ours():
    unsure = attempt(State.UNCERTAIN, settle_elapsed_us=10**12)
    bare = row(label=None)
    assert alarms.POSSIBLE_ORPHAN in {a.kind for a in of(RaiseAlarm, decide(unsure, bare))}
    assert of(RaiseAlarm, decide(unsure, bare, ids=NOT_OURS)) == []


def test_an_attempt_that_still_holds_a_disowned_id_gives_it_up():
    assert carried_out(BOOTING, decide(BOOTING, row(label=None), ids=NOT_OURS)).instance_id is None


def test_a_closed_attempt_with_an_unconfirmed_id_is_not_reopened_by_another_label():
    closed = attempt(State.CLOSED, instance_id="101")
    actions = decide(closed, row(label="my training"))
    assert of(UpdateAttempt, actions) == []
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.WRONG_INSTANCE_ID, "101")]
    for ids, changes in ((SURE, {}), (KnownInstances(), {"ready_at": 1})):
        closed = attempt(State.CLOSED, instance_id="101", **changes)
        assert carried_out(closed, decide(closed, row(label="my training"), ids=ids)).state is State.DESTROYING


# ---- a label that was copied to another account


def test_the_label_of_an_attempt_of_another_account_is_a_copy():
    """Nothing is taken, adopted, labelled or destroyed by it (I28)."""
    for made in (BOOTING, attempt(State.UNCERTAIN), attempt(State.CLOSED, instance_id="101")):
        known = replace(recorded(made), open=(), by_instance={}, elsewhere=frozenset({made.id}))
        (alarm,) = reconcile_list(known, seen(OURS, now=moment(3600)), moment(3600), REAL)
        assert isinstance(alarm, RaiseAlarm) and "was made at" in alarm.text
        same = row(1, instance_id="101")
        if made.instance_id is not None:
            assert reconcile_list(known, seen(same, now=moment(3600)), moment(3600), REAL) == []
