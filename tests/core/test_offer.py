"""Offers: which match, which may be rented, and their order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.cloud import Billing, OfferKind
from gpushopper.core.model.money import MAX_RATE
from gpushopper.core.model.offer import (
    SORTS,
    Offer,
    Requirements,
    Tried,
    fits,
    fits_as_far_as_stated,
    is_rentable,
    is_used_up,
    offer_max_cost,
    rank,
    unstated,
)
from gpushopper.core.timing.clock_snapshot import HOUR, us
from tests.core.samples import DISK_GB, OFFER, RATE, WALL, offer


@pytest.mark.parametrize(
    ("wish", "met"),
    [
        ({}, True), ({"provider": "vast"}, True), ({"provider": "runpod"}, False), ({"min_gpus": 2}, True),
        ({"min_gpus": 3}, False), ({"exact_gpus": 2}, True), ({"exact_gpus": 1}, False),
        ({"min_vram_mb": 24_000}, True), ({"min_vram_mb": 24_001}, False), ({"min_reliability": 0.99}, True),
        ({"min_reliability": 0.991}, False), ({"min_cuda": 12.4}, True), ({"min_cuda": 12.5}, False),
        ({"disk_gb": 500.0}, True), ({"disk_gb": 500.1}, False), ({"regions": ("us",)}, True),
        ({"regions": ("texas",)}, True), ({"regions": ("US", "de")}, True), ({"regions": ("as",)}, False),
        ({"regions": ("de",)}, False), ({"max_rate": RATE, "disk_gb": DISK_GB}, True),
        ({"max_rate": RATE - 1, "disk_gb": DISK_GB}, False),
    ],
)  # fmt: skip
def test_every_requirement_can_rule_an_offer_out(wish: dict[str, Any], met: bool):
    assert fits(OFFER, Requirements(**wish)) is met


@pytest.mark.parametrize(
    ("wish", "silent"),
    [({"min_reliability": 0.1}, "reliability"), ({"min_cuda": 1.0}, "cuda"), ({"regions": ("us",)}, "region")],
)
def test_what_a_cloud_does_not_say_rules_an_offer_out_only_where_it_is_asked_for(wish: dict[str, Any], silent: str):
    unknown = offer(reliability=None, cuda=None, region=None, host_id=None, verified=None, cpu_cores=None, ram_mb=None)
    assert fits(unknown, Requirements()) and is_rentable(unknown, Requirements(), WALL)
    want = Requirements(**wish)
    assert unstated(unknown, want) == (silent,) and not fits(unknown, want) and fits_as_far_as_stated(unknown, want)
    assert unstated(OFFER, want) == () and fits(OFFER, want)


def test_an_unknown_reliability_is_ranked_last():
    offers = [offer(offer_id="1", reliability=None), offer(offer_id="2", reliability=0.0), OFFER]
    assert [each.reliability for each in rank(offers, DISK_GB, "reliability")] == [0.99, 0.0, None]


STEPS = Billing(storage_minimum_gb=50, storage_step_gb=20, storage_included_gb=10)


@pytest.mark.parametrize(
    ("billing", "asked", "made", "billed"),
    [
        (Billing(), 20.5, 20.5, 20.5), (Billing(), 0.0, 0.0, 0.0), (STEPS, 1, 60, 50), (STEPS, 60, 60, 50),
        (STEPS, 60.5, 80, 70), (Billing(storage_included_gb=100), 60, 60, 0),
        (Billing(storage_step_gb=0.1), 0.3, 0.3, 0.3), (Billing(storage_minimum_gb=50), 20, 50, 50),
    ],
)  # fmt: skip
def test_a_disk_is_rounded_as_its_cloud_does(billing: Billing, asked: float, made: float, billed: float):
    one = offer(billing=billing, storage_gb_month=720_000)
    assert (one.disk_for(asked), billing.billed_gb(asked)) == (pytest.approx(made), pytest.approx(billed))
    assert one.storage_rate(asked) == pytest.approx(1000 * billed, abs=1)
    assert one.disk_for(one.disk_for(asked)) == one.disk_for(asked), "the disk that it makes is no further rounded"


def test_the_rounded_disk_must_fit():
    assert fits(offer(disk_gb=70, billing=STEPS), Requirements(disk_gb=60))
    assert not fits(offer(disk_gb=70, billing=STEPS), Requirements(disk_gb=61))


def test_only_resolved_names_fit():
    assert fits(OFFER, Requirements(), ("RTX 4090",))
    assert not fits(OFFER, Requirements(), ("RTX 3090",))


@pytest.mark.parametrize(
    ("changes", "rentable"),
    [
        ({}, True), ({"kind": OfferKind.SPOT}, False), ({"gpu_rate": 0}, False), ({"gpu_rate": MAX_RATE + 1}, False),
        ({"storage_gb_month": MAX_RATE * 720}, False),
        ({"ends_at": WALL + HOUR}, True), ({"ends_at": WALL + HOUR - 1}, False), ({"ends_at": None}, True),
    ],
)  # fmt: skip
def test_only_a_priced_lasting_offer_on_demand_is_rented(changes: dict[str, Any], rentable: bool):
    assert is_rentable(offer(**changes), Requirements(min_life_us=HOUR), WALL) is rentable


def test_the_rate_counts_the_requested_disk():
    assert OFFER.rate(DISK_GB) == RATE == 420_000
    assert offer(storage_gb_month=1).storage_rate(1) == 1, "a share of a micro-dollar is a whole one"
    assert offer(storage_gb_month=1440).storage_rate(2.5) == Billing().storage_rate(1440, 2.5) == 5
    assert offer(storage_gb_month=0).storage_rate(100) == 0


def test_the_worst_case_is_the_rate_over_the_span():
    assert offer_max_cost(OFFER, DISK_GB, 2 * HOUR) == 840_000
    assert offer_max_cost(OFFER, DISK_GB, -us(5)) == 0


@pytest.mark.parametrize(
    ("sort", "first"),
    [("price", "1"), ("price-per-gpu", "2"), ("vram", "2"), ("reliability", "3"), ("gpus", "2"), ("nonsense", "1")],
)
def test_each_order_has_its_first(sort: str, first: str):
    offers = [
        offer(offer_id="1", gpu_count=1, gpu_rate=300_000),
        offer(offer_id="2", gpu_count=8, gpu_rate=800_000, gpu="RTX 5090"),
        offer(offer_id="3", gpu_count=1, gpu_rate=900_000, reliability=0.999, gpu="A100 PCIE"),
    ]
    assert rank(offers, DISK_GB, sort)[0].offer_id == first


@given(sort=st.sampled_from(SORTS), shuffle=st.randoms(use_true_random=False))
def test_two_searches_of_the_same_offers_agree(sort: str, shuffle: random.Random):
    market: list[Offer] = [
        offer(offer_id=str(n), gpu_rate=100_000 * (n % 3), reliability=n % 2, gpu=f"G{n % 4}") for n in range(12)
    ]
    before = rank(market, DISK_GB, sort)
    shuffle.shuffle(market)
    assert rank(market, DISK_GB, sort) == before


GONE, TAKEN, IN_VAIN = "offer_gone", "boot_failed", "throttled"


@pytest.mark.parametrize(
    ("changes", "tried", "used_up"),
    [
        ({}, [], False), ({}, [(0, "")], True), ({}, [(-1, "")], False), ({}, [(0, IN_VAIN)], True),
        ({"is_single": False}, [(0, ""), (1, TAKEN)], False), ({"is_single": False}, [(0, GONE)], True),
        ({"is_single": False}, [(-1, GONE)], False),
        ({"is_single": False, "stock": 2}, [(0, "")], False),
        ({"is_single": False, "stock": 2}, [(0, ""), (1, "")], True),
        ({"is_single": False, "stock": 1}, [(0, IN_VAIN)], False),
        ({"is_single": False, "stock": 1}, [(-1, "")], False),
        ({"is_single": False, "stock": 0}, [], True),
    ],
)  # fmt: skip
def test_one_host_is_used_up_by_one_attempt_and_a_type_by_its_stock(
    changes: dict[str, Any], tried: list[tuple[int, str]], used_up: bool
):
    """F8, as far as the search is from before the attempt: `tried` counts from when the offer was seen."""
    one = offer(**changes)
    assert is_used_up(one, [Tried(one.seen_at + at, reason) for at, reason in tried]) is used_up
