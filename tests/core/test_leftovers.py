"""Whose a leftover is, and when none is left: by our label and the proof of the end, never by guesswork (F131)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.cloud import Ending, EndingKind, Leftover
from gpushopper.core.listing.leftovers import Fate, are_none_left, fate
from gpushopper.core.model.attempt import State
from gpushopper.core.model.label import find_label
from gpushopper.core.model.leftover import LeftoverItem, ObservedLeftovers
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import BOOT, ELSEWHERE, HERE, attempt, gs2_label, row

LABEL = gs2_label()
DISK = LeftoverItem(Leftover.DISK, "vol-1", f"{LABEL}-disk")
ENDING = Ending(EndingKind.SERVER_TIMER, leftovers=(Leftover.DISK,))
PROVEN = {
    "state": State.DESTROYING, "instance_id": "1", "destroy_acknowledged": True, "absence_count": 3,
    "first_absence_boot": BOOT, "last_absence_boot": BOOT + us(300),
}  # fmt: skip


def one(**fields):
    return replace(attempt(), label=LABEL, **fields)


@pytest.mark.parametrize("state", list(State))
def test_only_of_what_is_proven_gone_is_it_left(state: State):
    known = [one(state=state, instance_id="1")]
    expected = Fate.LEFT if state is State.CLOSED else Fate.IN_USE
    assert fate(DISK, HERE, known, (), REAL) is expected


def test_by_the_proof_of_the_end():
    assert fate(DISK, HERE, [one(**PROVEN)], (), REAL) is Fate.LEFT
    assert fate(DISK, HERE, [one(**PROVEN | {"absence_count": 2})], (), REAL) is Fate.IN_USE
    both = [one(**PROVEN), one(state=State.RUNNING, instance_id="2")]
    assert fate(DISK, HERE, both, (), REAL) is Fate.IN_USE, "a second one under the label is wanted (S9)"


def test_an_instance_that_is_listed_with_the_label_keeps_it():
    assert fate(DISK, HERE, [one(state=State.CLOSED)], [row()], REAL) is Fate.IN_USE


def test_what_an_instance_uses_that_is_not_listed_is_taken():
    ended = [one(**PROVEN)]
    assert fate(replace(DISK, used_by="77"), HERE, ended, (), REAL) is Fate.TAKEN, "it may be newer than the list"
    assert fate(replace(DISK, used_by="1"), HERE, ended, (), REAL) is Fate.LEFT, "by its own instance, which is gone"


def test_what_is_recorded_is_ours_also_after_the_installation_got_a_new_id():
    assert fate(DISK, ELSEWHERE, [one(state=State.CLOSED)], (), REAL) is Fate.LEFT


def test_another_installation_or_no_label_is_foreign():
    assert fate(DISK, ELSEWHERE, [], (), REAL) is Fate.FOREIGN
    assert fate(replace(DISK, name="data"), HERE, [], (), REAL) is Fate.FOREIGN
    assert fate(DISK, HERE, [], (), REAL) is Fate.UNKNOWN


def test_an_attempt_waits_for_a_list_from_after_its_end():
    ended = one(**PROVEN)
    for seen, expected in (
        (None, False),
        (ObservedLeftovers((), BOOT - 1), False),
        (ObservedLeftovers((), BOOT), True),
        (ObservedLeftovers((DISK,), BOOT + us(60)), False),
        (ObservedLeftovers((replace(DISK, name="data"),), BOOT), True),
    ):
        assert are_none_left(ended, seen, ENDING, is_shared=False) is expected
    assert are_none_left(ended, None, ENDING, is_shared=True)
    assert are_none_left(ended, None, Ending(EndingKind.NONE), is_shared=False)


@pytest.mark.parametrize("name", [LABEL, f"{LABEL}-disk", f"disk of {LABEL}", f"x/{LABEL}.key"])
def test_a_label_is_found_inside_a_name(name: str):
    assert find_label(name) is not None


@pytest.mark.parametrize("name", ["", "gs2", LABEL[:-1], f"{LABEL}a", f"a{LABEL}", LABEL.upper()])
def test_nothing_else_is_a_label(name: str):
    assert find_label(name) is None
