"""A filtered search of Vast's offers: what Vast is asked for, and that it finds more than the cheapest of all."""

from __future__ import annotations

from typing import Any

import pytest

from gpushopper.core.model.offer import Offer, Requirements, fits
from gpushopper.engine.requests.queries.market.search_criteria import provider_search
from gpushopper.providers.base import OfferList, OfferQuery
from gpushopper.providers.vast.offer_search import search_body
from tests.providers.stage import LIMIT_S, make_stage

ALWAYS = {"verified": {"eq": True}, "external": {"eq": False}, "rentable": {"eq": True}, "type": "on-demand"}


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ({"countries": frozenset({"US", "SE"})}, {"geolocation": {"in": ["SE", "US"]}}),
        ({"countries": frozenset({"GB"})}, {"geolocation": {"in": ["GB", "UK"]}}),
        ({"min_cuda": 12.4}, {"cuda_max_good": {"gte": 12.4}}),
        ({"min_cpus": 16}, {"cpu_cores_effective": {"gte": 16}}),
        ({"min_ram_mb": 63_680}, {"cpu_ram": {"gte": 63_680}}),
        ({"min_reliability": 0.99}, {"reliability": {"gte": 0.99}}),
        ({"min_vram_mb": 39_800}, {"gpu_ram": {"gte": 39_800}}),
        ({"exact_gpus": 2}, {"num_gpus": {"eq": 2}}), ({"min_gpus": 2}, {"num_gpus": {"gte": 2}}),
    ],
)  # fmt: skip
def test_vast_is_asked_for_what_is_required(query: dict[str, Any], sent: dict[str, Any]):
    body, plain = search_body(OfferQuery(**query)), search_body(OfferQuery())
    assert {name: value for name, value in body.items() if plain.get(name) != value} == sent
    assert ALWAYS.items() <= body.items()


def test_nothing_is_asked_for_that_is_not_required():
    assert set(search_body(OfferQuery())) == {*ALWAYS, "order", "limit", "allocated_storage", "disk_space"}


FILTERS: list[dict[str, Any]] = [
    {"regions": ("SE",)}, {"regions": ("EU", "Japan")}, {"min_cuda": 13.0}, {"min_cpus": 64.0},
    {"min_reliability": 0.999}, {"min_ram_mb": 400_000}, {"regions": ("US",), "min_cpus": 32.0, "exact_gpus": 4},
]  # fmt: skip


def test_a_filtered_search_finds_the_cheapest_that_fit_in_one_request():
    stage = make_stage("vast")
    everything = stage.provider.search(OfferQuery(limit=None), 3600.0)
    assert isinstance(everything, OfferList) and everything.complete
    for filters in FILTERS:
        want = Requirements(**filters)
        fitting = [offer.offer_id for offer in everything.offers if fits(offer, want)]
        assert fitting, filters
        stage.later()
        before = len(stage.transport.sent)
        query = provider_search(want, {}, 64)
        found = stage.provider.search(query, LIMIT_S if query.limit else 3600.0)
        assert isinstance(found, OfferList)
        assert [offer.offer_id for offer in found.offers if fits(offer, want)][:64] == fitting[:64], filters
        if query.limit is not None:
            assert len(stage.transport.sent) == before + 1
            assert all(fits(offer, want) for offer in found.offers) and found.complete == (len(fitting) < 64)


@pytest.mark.parametrize(
    ("filters", "is_limited"),
    [
        ({}, True), ({"regions": ("SE", "EU")}, True), ({"min_cuda": 12.0, "min_cpus": 8.0}, True),
        ({"regions": ("Texas",)}, False), ({"min_ram_mb": 1}, False), ({"excluded_hosts": frozenset({"7"})}, False),
    ],
)  # fmt: skip
def test_what_only_we_can_filter_has_all_offers_read(filters: dict[str, Any], is_limited: bool):
    assert (provider_search(Requirements(**filters), {}, 64).limit == 64) is is_limited


def test_a_place_that_the_cloud_names_otherwise_is_still_checked_here():
    # Its own filter let it pass: what the row says counts.
    offer = Offer("vast", "1", "RTX 4090", 1, 24_000, 400_000, 0, 0, 0, 100.0, 1, region="Norway, NO", cuda=11.0)
    assert not fits(offer, Requirements(regions=("SE",))) and not fits(offer, Requirements(min_cuda=12.0))
