"""A bill corrects what was hidden from us, and nothing beyond that (D11)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.lifecycle.gpu_billing import hidden_fields
from gpushopper.core.model.attempt import State
from gpushopper.core.model.money import CENT
from gpushopper.core.model.records.charge import Charge
from gpushopper.core.model.records.hidden_span import total_us, with_span
from gpushopper.core.spending import ledger
from gpushopper.core.spending.bills.bill_correction import corrections, hidden_cost
from gpushopper.core.spending.ledger import BILL, GPU, STORAGE
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from tests.core.samples import RATE, WALL, attempt

ENDED = attempt(State.CLOSED)
SPANS = ((WALL + HOUR, WALL + 2 * HOUR),)
OURS = {"gpu": 800_000, "storage": 40_000, "traffic": 9_000}


def charge(gpu: int, storage: int = 40_000, other: int = 0) -> Charge:
    return Charge("101", gpu=gpu, storage=storage, traffic=9_000, other=other)


@pytest.mark.parametrize(
    ("billed", "more"),
    [(charge(500_000), {GPU: -300_000}), (charge(1_000_000), {GPU: 200_000}),
     (charge(500_000, 20_000), {GPU: -300_000, STORAGE: -20_000}),
     (charge(0, 0, 600_000), {GPU: -200_000, STORAGE: -40_000}),
     (charge(800_000 - CENT), {}), (charge(800_000 + RATE + 1), {}), (charge(800_000 - RATE - 1), {})],
)  # fmt: skip
def test_only_a_difference_within_what_was_hidden_is_entered(billed: Charge, more: dict[str, int]):
    found = corrections(ENDED, SPANS, billed, OURS)
    sums = {kind: sum(e.micros for e in found if e.kind == kind) for kind in (GPU, STORAGE)}
    assert {kind: micros for kind, micros in sums.items() if micros} == more
    assert all(e.reason == BILL and SPANS[0][0] <= e.from_at < e.to_at <= SPANS[0][1] for e in found)


def test_nothing_is_entered_where_nothing_was_hidden():
    assert corrections(ENDED, (), charge(500_000), OURS) == ()
    assert hidden_cost(ENDED, ()) == 0 and hidden_cost(replace(ENDED, current_rate=2 * RATE), SPANS) == 2 * RATE


@given(gpu=st.integers(0, 2_000_000), storage=st.integers(0, 100_000), other=st.integers(-999, 999))
def test_a_correction_makes_the_ledger_what_the_bill_has_and_a_second_one_adds_nothing(
    gpu: int, storage: int, other: int
):
    billed, after = charge(gpu, storage, other), dict(OURS)
    found = corrections(ENDED, SPANS, billed, OURS)
    for entry in found:
        after[entry.kind] += entry.micros
    assert not found or sum(after.values()) == billed.total
    assert corrections(ENDED, SPANS, billed, after) == (() if found else found)


def test_what_a_cloud_bills_for_the_least_duration_is_billed_as_gpu_time():
    assert corrections(ENDED, SPANS, charge(860_000), OURS | {"minimum": 60_000}) == ()


@pytest.mark.parametrize("more", [-300_000, 300_000])
def test_a_corrected_attempt_that_is_seen_again_keeps_its_correction_and_its_least_duration(more: int):
    entries = ledger.by_hours("a", GPU, more, WALL, WALL + HOUR, BILL)
    assert ledger.beyond_use(ENDED, WALL, entries) == ledger.settle(ENDED, WALL, entries) == ()


RUNNING = attempt(State.RUNNING, is_gpu_billed=True, last_seen_at=WALL, current_rate=RATE)


@pytest.mark.parametrize(
    ("shown", "is_hidden"),
    [({"is_gpu_billed": False}, True), ({"current_rate": RATE + 1}, True), ({"is_storage_billed": False}, True),
     ({"is_gpu_billed": True, "current_rate": RATE, "is_storage_billed": True, "progress": "x"}, False)],
)  # fmt: skip
def test_what_changed_since_the_last_sighting_changed_unseen(shown: dict[str, object], is_hidden: bool):
    found = hidden_fields(RUNNING, shown, WALL + MINUTE)
    assert found == ({"hidden": ((WALL, WALL + MINUTE),)} if is_hidden else {})


def test_the_first_sighting_hides_the_time_since_the_send():
    booted = attempt(State.BOOTING)
    assert hidden_fields(booted, {"is_gpu_billed": True}, WALL + MINUTE) == {"hidden": ((WALL, WALL + MINUTE),)}
    assert hidden_fields(replace(booted, sent_at=None), {"is_gpu_billed": True}, WALL + MINUTE) == {}


def test_spans_that_touch_are_one():
    spans = with_span(with_span((), 10, 20), 20, 30)
    assert (spans, total_us(spans)) == (((10, 30),), 20)
    assert with_span(spans, 40, 50) == ((10, 30), (40, 50)) and with_span(spans, 30, 30) == spans
