"""An offer with a price of zero, negative, not a number or far too high is left out and counted (F116)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gpushopper.providers.api import Reply
from gpushopper.providers.base import OfferList, OfferQuery
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.vast.offer_search import read_bands
from tests.providers.bodies import OFFER

ODD = [0, 0.0, "0", -0.4, "-1", math.nan, "NaN", math.inf, "Infinity", 1e9, 10_001, "free", True, [], {}]
RATES = ("dph_base", "dph_total")
OTHERS = ("storage_cost", "inet_up_cost", "inet_down_cost")


def found(*rows: dict[str, Any]) -> OfferList:
    numbered = [{**row, "id": number, "ask_contract_id": number} for number, row in enumerate(rows, 1)]
    answer = read_bands(lambda _body, _wait: reply({"offers": numbered}), OfferQuery(limit=20), UnknownFields())
    assert isinstance(answer, OfferList)
    return answer


def reply(body: dict[str, Any]) -> Reply:
    return Reply(200, True, body, "", None, None)


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_an_offer_with_an_invalid_rate_is_left_out_and_counted(name: str, value: Any):
    answer = found(OFFER, {**OFFER, name: value}, {**OFFER, name: value})
    assert [offer.offer_id for offer in answer.offers] == ["1"]
    assert answer.invalid_prices == 2


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("value", [-0.4, math.nan, math.inf, 1e9, "free"], ids=repr)
def test_an_offer_with_an_invalid_disk_or_traffic_price_is_left_out_and_counted(name: str, value: Any):
    gone = {"storage_cost": "storage_total_cost", "inet_up_cost": "internet_up_cost_per_tb"}
    row = {k: v for k, v in OFFER.items() if k not in (gone.get(name), "internet_down_cost_per_tb")}
    answer = found(OFFER, {**row, name: value})
    assert ([offer.offer_id for offer in answer.offers], answer.invalid_prices) == (["1"], 1)


@pytest.mark.parametrize("name", OTHERS)
def test_disk_and_traffic_may_be_free(name: str):
    answer = found({**OFFER, name: 0})
    assert (len(answer.offers), answer.invalid_prices) == (1, 0)


def test_an_offer_without_a_price_is_left_out_and_not_counted():
    row = {name: value for name, value in OFFER.items() if name not in RATES}
    answer = found(row)
    assert (answer.offers, answer.invalid_prices) == ((), 0)


def test_the_sum_of_disk_and_gpu_price_must_be_valid():
    assert found({**OFFER, "storage_cost": 9_000}, OFFER).invalid_prices == 0
    answer = read_bands(
        lambda _body, _wait: reply({"offers": [{**OFFER, "storage_cost": 9_000}]}),
        OfferQuery(limit=20, disk_gb=5_000.0),
        UnknownFields(),
    )
    assert isinstance(answer, OfferList)
    assert (answer.offers, answer.invalid_prices) == ((), 1)


def test_an_offer_seen_in_two_bands_is_counted_once():
    rows = [{**OFFER, "id": n, "ask_contract_id": n, "dph_base": 0, "dph_total": 0.1 * n} for n in range(1, 65)]
    pages = [rows, rows[-1:]]
    answer = read_bands(lambda _body, _wait: reply({"offers": pages.pop(0)}), OfferQuery(), UnknownFields())
    assert isinstance(answer, OfferList)
    assert (answer.offers, answer.invalid_prices) == ((), 64)
