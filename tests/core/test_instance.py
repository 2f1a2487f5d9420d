"""Instances: whose they are, and when they must be gone, by the two carriers of the label (S4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.cloud import Carrier
from gpushopper.core.model.label import Label
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.core.samples import ELSEWHERE, HERE, LABELLED_MAX, attempt_id, gs1_label, gs2_label, row

BOTH = pytest.mark.parametrize("make", [gs2_label, gs1_label], ids=["gs2", "gs1"])


@BOTH
def test_either_carrier_proves_the_owner_and_the_label_wins(make):
    text, other = make(HERE, attempt_id()), make(ELSEWHERE, attempt_id(2))
    mine = Label(2, HERE, attempt_id(), LABELLED_MAX) if make is gs2_label else Label(1, HERE, attempt_id())
    assert row(label=text, env_label=None).owner() == mine
    assert row(label=None, env_label=text).owner() == mine
    assert row(label=text[:20], env_label=text).owner() == mine
    assert row(label=text, env_label=other).owner() == mine
    assert row(label=text[:20], env_label=text[:30]).owner() is None


EARLIER, OLD = LABELLED_MAX - 3 * HOUR, gs1_label(HERE, attempt_id())


@pytest.mark.parametrize(
    ("shown", "variable", "hard_max"),
    [
        (gs2_label(), None, LABELLED_MAX),
        (None, gs2_label(), LABELLED_MAX),
        (gs2_label(), gs2_label(hard_max_at=EARLIER), EARLIER),
        (gs2_label(hard_max_at=EARLIER), gs2_label(), EARLIER),
        (OLD, None, None),
        (OLD, gs2_label(), LABELLED_MAX),
        (gs2_label(), gs2_label(ELSEWHERE, hard_max_at=EARLIER), LABELLED_MAX),
        (gs2_label(), gs2_label(HERE, attempt_id(2), hard_max_at=EARLIER), LABELLED_MAX),
        ("my training", None, None),
        (gs2_label()[:39], gs2_label()[:38], None),
    ],
)
def test_the_labelled_hard_maximum_is_the_earlier_of_its_owners(
    shown: str | None, variable: str | None, hard_max: int | None
):
    assert row(label=shown, env_label=variable).labelled_hard_max() == hard_max


def test_the_first_valid_carrier_wins_wherever_it_is():
    mine, other = gs2_label(), gs2_label(ELSEWHERE, attempt_id(2))
    texts = ((Carrier.NAME, "pod-7"), (Carrier.TAG, None), (Carrier.METADATA, mine), (Carrier.ENVIRONMENT, other))
    one = replace(row(), carriers=texts)
    assert (one.owner(), one.valid_label(), one.label) == (Label(2, HERE, attempt_id(), LABELLED_MAX), mine, "pod-7")
    assert one.label_texts == ("pod-7", mine, other)
    assert (replace(one, carriers=()).owner(), replace(one, carriers=()).label) == (None, None)
