"""Offers: GPU names forgive spelling but never mean another card; what fits; what may be rented unattended."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.moment import HOUR, us
from gpushopper.core.money import MAX_RATE
from gpushopper.core.offers import (
    SORTS,
    Offer,
    Requirements,
    UnknownGpu,
    close_names,
    fits,
    gpu_token,
    is_rentable,
    rank,
    resolve_gpu,
    worst_case,
)
from tests.core.samples import DISK_GB, OFFER, RATE, WALL, offer

MARKET = (
    "RTX 4090", "RTX 4090D", "RTX 3090", "RTX 3090 Ti", "RTX 4070", "RTX 4070 Ti", "RTX 4070S", "RTX 4070S Ti",
    "A100 SXM4", "A100 PCIE", "A10", "A10G", "H100 SXM", "H100 NVL", "L4", "L40", "L40S", "RTX A4000", "GTX 1080",
    "GTX 1080 Ti", "Tesla V100", "Tesla T4",
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("4090", {"RTX 4090"}), ("rtx4090", {"RTX 4090"}), ("RTX_4090", {"RTX 4090"}), ("RTX 4090", {"RTX 4090"}),
        ("rtx-4090", {"RTX 4090"}), ("NVIDIA GeForce RTX 4090", {"RTX 4090"}), ("4090d", {"RTX 4090D"}),
        ("a100", {"A100 SXM4", "A100 PCIE"}), ("A100-SXM4", {"A100 SXM4"}), ("h100", {"H100 SXM", "H100 NVL"}),
        ("a10", {"A10"}), ("a10g", {"A10G"}), ("l40", {"L40"}), ("l4", {"L4"}), ("l40s", {"L40S"}),
        ("a4000", {"RTX A4000"}), ("4000", {"RTX A4000"}), ("1080", {"GTX 1080"}), ("1080ti", {"GTX 1080 Ti"}),
        ("3090", {"RTX 3090"}), ("rtx 3090 ti", {"RTX 3090 Ti"}), ("v100", {"Tesla V100"}), ("t4", {"Tesla T4"}),
        ("rtx 4070", {"RTX 4070"}), ("4070 ti", {"RTX 4070 Ti"}), ("4070s", {"RTX 4070S"}),
    ],
)  # fmt: skip
def test_names_forgive_spelling(typed: str, meant: set[str]):
    assert set(resolve_gpu(typed, MARKET)) == meant


@pytest.mark.parametrize("typed", ["409", "rtx409", "40", "90", "rtx", "gtx", "nvidia", "", "-", "a1", "h10", "b200"])
def test_a_part_of_a_number_is_no_name(typed: str):
    with pytest.raises(UnknownGpu):
        resolve_gpu(typed, MARKET)


@pytest.mark.parametrize(
    ("typed", "market"),
    [
        ("rtx 4070", ["RTX 4070 Ti"]), ("rtx 4070", ["RTX 4070S"]), ("rtx 4070", ["RTX 4070S Ti"]),
        ("rtx 4070", ["RTX 4070 Super"]), ("rtx4090", ["RTX 4090D"]), ("l40", ["L40S"]), ("a10", ["A100 PCIE"]),
        ("l4", ["L40"]), ("4090", ["RTX 4090D"]), ("1080", ["GTX 1080 Ti"]),
    ],
)  # fmt: skip
def test_a_name_never_means_another_card(typed: str, market: list[str]):
    with pytest.raises(UnknownGpu):
        resolve_gpu(typed, market)


def test_two_spellings_of_one_card_are_both_meant():
    market = ["RTX 4090", "NVIDIA GeForce RTX 4090", "RTX 4080"]
    for typed in ("4090", "rtx4090"):
        assert resolve_gpu(typed, market) == ("NVIDIA GeForce RTX 4090", "RTX 4090")


def test_an_unknown_name_comes_with_close_ones():
    with pytest.raises(UnknownGpu) as caught:
        resolve_gpu("RTX 4099", MARKET)
    assert caught.value.wanted == "RTX 4099"
    assert "RTX 4090" in caught.value.close
    assert close_names("rtx 4099", MARKET, limit=1) == ("RTX 4090",)


@given(name=st.sampled_from(MARKET), spelling=st.randoms(use_true_random=False))
def test_every_market_name_means_itself_in_any_spelling(name: str, spelling: random.Random):
    typed = "".join(spelling.choice((c.lower(), c.upper())) for c in name.replace(" ", spelling.choice(" _-")))
    assert resolve_gpu(typed, MARKET) == (name,)


@given(st.text())
def test_whatever_is_typed_means_market_names_or_nothing(typed: str):
    try:
        found = resolve_gpu(typed, MARKET)
    except UnknownGpu:
        return
    assert found
    assert all(gpu_token(typed) in gpu_token(name) for name in found)


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


def test_only_resolved_names_fit():
    assert fits(OFFER, Requirements(), ("RTX 4090",))
    assert not fits(OFFER, Requirements(), ("RTX 3090",))


@pytest.mark.parametrize(
    ("changes", "rentable"),
    [
        ({}, True), ({"interruptible": True}, False), ({"gpu_rate": 0}, False), ({"gpu_rate": MAX_RATE + 1}, False),
        ({"storage_gb_month": MAX_RATE * 720}, False),
        ({"ends_at": WALL + HOUR}, True), ({"ends_at": WALL + HOUR - 1}, False), ({"ends_at": None}, True),
    ],
)  # fmt: skip
def test_only_a_priced_lasting_offer_on_demand_is_rented(changes: dict[str, Any], rentable: bool):
    assert is_rentable(offer(**changes), Requirements(min_life_us=HOUR), WALL) is rentable


def test_the_rate_counts_the_disk_really_asked_for():
    assert OFFER.rate(DISK_GB) == RATE == 420_000
    assert offer(storage_gb_month=1).storage_rate(1) == 1, "a share of a micro-dollar is a whole one"
    assert offer(storage_gb_month=0).storage_rate(100) == 0


def test_the_worst_case_is_the_rate_over_the_span():
    assert worst_case(OFFER, DISK_GB, 2 * HOUR) == 840_000
    assert worst_case(OFFER, DISK_GB, -us(5)) == 0


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
def test_two_searches_of_one_market_agree(sort: str, shuffle: random.Random):
    market: list[Offer] = [
        offer(offer_id=str(n), gpu_rate=100_000 * (n % 3), reliability=n % 2, gpu=f"G{n % 4}") for n in range(12)
    ]
    before = rank(market, DISK_GB, sort)
    shuffle.shuffle(market)
    assert rank(market, DISK_GB, sort) == before
