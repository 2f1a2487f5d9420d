"""A plan's shortlist: each account within the price cap keeps its cheapest offer, and the others are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.listing.same_account import SeenAccount
from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.engine.requests.queries.market.shortlist import accounts_above_cap, shortlist
from tests.engine.two_clouds import TwoClouds, make_offer


def ranked(names: str) -> list[Offer]:
    """One offer for each letter, each a cent dearer than the one before."""
    return [make_offer(name, number, 300_000 + 10_000 * number) for number, name in enumerate(names)]


@pytest.mark.parametrize(
    ("market", "retries", "kept"),
    [
        ("aaaaaaaaaa", 2, "aaaaaaa"), ("aaaaaaaaab", 2, "aaaaaab"), ("aaaaaaaaabbb", 2, "aaaaaab"),
        ("aaaaaabaab", 2, "aaaaaab"), ("aaaaaaaaabc", 2, "aaaaabc"), ("ab", 2, "ab"), ("aaaaaaaaab", 0, "aaaab"),
        ("baaaaaaaab", 2, "baaaaaa"), ("aaaaaaabcdefg", 0, "abcdefg"), ("aaaaaaaabcdef", 2, "aaabcdef"),
    ],
)  # fmt: skip
def test_each_account_keeps_its_cheapest_among_the_spare_offers(market: str, retries: int, kept: str):
    offers = ranked(market)
    found = shortlist(offers, retries)
    assert "".join(each.provider for each in found) == kept
    assert found == [each for each in offers if each in found], "ranked as before"
    for name in set(market):
        assert next(each for each in offers if each.provider == name) in found


def test_accounts_whose_cheapest_is_above_the_cap_are_named_with_it():
    offers = [make_offer("a", 1, 200_000), make_offer("b", 1, 280_000), make_offer("c", 1, 446_000),
              make_offer("c", 2, 500_000), make_offer("d", 1, 900_000)]  # fmt: skip
    (above,) = accounts_above_cap(offers, 20, 280_000, named={"d"})
    assert (above.provider, above.state, above.hint) == ("c", "above_cap", "")
    assert above.reason == "from $0.446/h, above the price cap of $0.28/h"
    (close,) = accounts_above_cap(offers, 20, 445_900, named={"d"})
    assert close.reason == "from $0.446/h, above the price cap of $0.4459/h"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoClouds]:
    made = TwoClouds(tmp_path)
    yield made
    made.close()


def plan(two: TwoClouds, **search: Any) -> wire.Plan:
    asked = wire.SearchRequest(gpu="4090", **search)
    return two.requests.plan(wire.PlanRequest(search=asked, duration_us=2 * HOUR))


def test_a_plan_keeps_the_other_cloud_behind_many_cheaper_offers(two: TwoClouds):
    two.a.offers = tuple(make_offer("a", number, 300_000 + number) for number in range(20))
    two.b.offers = (make_offer("b", 1, 446_000), make_offer("b", 2, 448_000))
    found = plan(two, max_rate=500_000)
    assert [each.key for each in found.offers] == [*(f"a:{number}" for number in range(6)), "b:1"]
    assert found.left_out == [] and found.max_cost == 2 * 446_000


@pytest.mark.parametrize("cap", [None, 280_000])
def test_a_plan_names_the_cloud_whose_cheapest_is_above_the_cap(two: TwoClouds, cap: int | None):
    two.a.offers = (make_offer("a", 1, 186_667),)
    two.b.offers = (make_offer("b", 1, 446_000),)
    found = plan(two, max_rate=cap)
    assert [each.key for each in found.offers] == ["a:1"]
    (above,) = found.left_out
    assert (above.provider, above.state) == ("b", "above_cap")
    assert above.reason == "from $0.446/h, above the price cap of $0.28/h"


def test_an_account_under_two_names_is_left_out_where_another_can_rent(two: TwoClouds):
    """As in a rental, which passes it over; where it is alone, the plan is refused as the rental would be."""
    seen = two.ctx.seen_accounts
    seen["b"], seen["lab"] = SeenAccount("b", account_id="7"), SeenAccount("b", account_id="7")
    found = plan(two)
    assert {each.provider for each in found.offers} == {"a"} and not found.refusal
    (twice,) = found.left_out
    assert twice.provider == "b" and twice.reason == "b and lab are one account: nothing is rented on either"
    alone = plan(two, provider="b")
    assert (alone.refusal, alone.refusal_code, alone.left_out) == (twice.reason, "same_account", [])


def test_an_account_without_credit_is_named_once(two: TwoClouds):
    two.b.offers = (make_offer("b", 1, 900_000),)
    two.ctx.balances.update(a=5_000_000, b=1)
    assert [each.state for each in plan(two).left_out] == ["left_out"]
