"""One inventory of two clouds: a cloud that hangs, limits, lies, breaks or has no key hides no offer of the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.cloud import Catalogue, ImageKind
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.errors import KeyRejected, Misconfigured, NoOffer, NotFound, ProviderFailed, Refused, UsageError
from gpushopper.providers.base import ErrorKind, ReadFailed
from tests.engine.two_clouds import TwoClouds, make_offer

THROTTLED = ReadFailed(ErrorKind.THROTTLED, "429", 90.0)
DOWN = ReadFailed(ErrorKind.NETWORK, "connection refused")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoClouds]:
    made = TwoClouds(tmp_path)
    yield made
    made.close()


def look(two: TwoClouds, **search: Any) -> wire.Inventory:
    return two.requests.inventory(wire.SearchRequest(**search))


def plan(two: TwoClouds, *, image: str | None = None, to_rent: bool = False, **search: Any) -> wire.Plan:
    asked = wire.SearchRequest(**{"gpu": "4090", **search})
    return two.requests.plan(wire.PlanRequest(search=asked, duration_us=2 * HOUR, image=image, to_rent=to_rent))


def keys(found: wire.Inventory | wire.Plan) -> list[str]:
    return [offer.key for offer in found.offers]


def missing(found: wire.Inventory | wire.Plan) -> dict[str, tuple[str, str]]:
    return {each.provider: (each.state, each.reason) for each in found.missing}


def left_out(found: wire.Plan) -> dict[str, str]:
    return {each.provider: each.reason for each in found.left_out}


def test_clouds_are_asked_at_the_same_time(two: TwoClouds):
    two.a.search_s, two.b.search_s = 3, 4
    found, took = two.took(lambda: look(two))
    assert (keys(found), took) == (["b:1", "a:1", "a:2", "b:2"], 4)
    assert found.missing == [], "a cloud that nobody uses is silent"


@pytest.mark.parametrize("obeys", [True, False])
def test_a_hanging_cloud_is_left_out_at_the_deadline_and_named(two: TwoClouds, obeys: bool):
    two.b.search_s, two.b.obeys = 600, obeys
    two.b.fails = ReadFailed(ErrorKind.NETWORK, "timed out")
    found, took = two.took(lambda: look(two))
    assert keys(found) == ["a:1", "a:2"] and took <= 8
    assert missing(found) == {"b": ("failed", "timed out" if obeys else "no answer within 8 s")}
    assert set(found.unavailable) == {"b"}
    planned, took = two.took(lambda: plan(two))
    assert keys(planned) == ["a:1", "a:2"] and 8 < took <= 15 and set(missing(planned)) == {"b"}


def test_a_search_under_way_is_joined_and_its_answer_counts_when_it_comes(two: TwoClouds):
    two.b.search_s, two.b.obeys = 12, False
    assert keys(look(two)) == ["a:1", "a:2"]
    assert set(keys(look(two))) == {"a:1", "a:2", "b:1", "b:2"}
    assert len(two.b.asked) == 1


def test_what_another_request_began_is_asked_again_if_it_fails_and_there_is_time(two: TwoClouds):
    two.b.search_s, two.b.obeys, two.b.fails = 9, False, DOWN
    assert set(missing(look(two))) == {"b"}
    two.b.search_s, two.b.fails = 1, None
    found, took = two.took(lambda: look(two))
    assert len(keys(found)) == 4 and took == 2 and len(two.b.asked) == 2


def test_a_throttled_cloud_says_until_when_and_its_old_offers_are_shown_but_never_planned(two: TwoClouds):
    look(two, gpu="4090"), plan(two)
    two.later(120)
    two.b.fails = THROTTLED
    found = look(two, gpu="4090")
    assert keys(found) == ["b:1", "a:1", "a:2", "b:2"]
    assert {offer.key: round(offer.age_us / us(1)) for offer in found.offers if offer.provider == "b"} == {
        "b:1": 120, "b:2": 120,
    }  # fmt: skip
    [row] = found.missing
    assert (row.provider, row.state, row.age_us) == ("b", "throttled", us(120))
    assert row.until_at == two.clock.now().wall + us(90)
    planned = plan(two)
    assert keys(planned) == ["a:1", "a:2"] and missing(planned)["b"][0] == "throttled"
    two.later(181)
    gone = look(two, gpu="4090")
    assert keys(gone) == ["a:1", "a:2"] and gone.missing[0].age_us is None


@pytest.mark.parametrize("seconds", [59, 61])
def test_offers_are_a_minute_old_at_most_where_they_are_planned(two: TwoClouds, seconds: int):
    plan(two)
    two.b.offers = (make_offer("b", 3, 300_000),)
    two.later(seconds)
    assert keys(plan(two))[0] == ("b:1" if seconds < 60 else "b:3")
    named = wire.PlanRequest(search=wire.SearchRequest(), offer="b:1", duration_us=HOUR)
    if seconds < 60:
        assert keys(two.requests.plan(named)) == ["b:1"]
    else:
        with pytest.raises(NoOffer, match="not on the market"):
            two.requests.plan(named)


def test_a_lying_cloud_shows_nothing_that_was_not_asked_for(two: TwoClouds):
    two.b.offers = (
        make_offer("b", 1, 0), make_offer("b", 2, 10**12), make_offer("a", 9, 100_000),
        make_offer("b", 3, 100_000, gpu="RTX 3060"), make_offer("b", 4, 100_000, gpu_count=4),
        make_offer("b", 5, 450_000), make_offer("b", 6, 100_000, disk_gb=1.0),
    )  # fmt: skip
    found = look(two, gpu="4090", exact_gpus=1)
    assert (keys(found), found.invalid_prices) == (["b:5", "a:1", "a:2"], 2)


def test_a_fault_in_an_adapter_hides_nothing_of_the_other(two: TwoClouds):
    two.b.fails = ZeroDivisionError("b's rows")
    found = look(two)
    assert keys(found) == ["a:1", "a:2"] and "ZeroDivisionError" in missing(found)["b"][1]


@pytest.mark.parametrize(
    ("error_kind", "raised", "status"),
    [
        (ErrorKind.NETWORK, ProviderFailed, 7), (ErrorKind.THROTTLED, ProviderFailed, 7),
        (ErrorKind.AUTH, KeyRejected, 4),
    ],
)  # fmt: skip
def test_if_none_answers_it_is_an_error(two: TwoClouds, error_kind: ErrorKind, raised: type, status: int):
    two.a.fails = two.b.fails = ReadFailed(error_kind, "no")
    for ask in (look, plan):
        with pytest.raises(raised) as error:
            ask(two)
        assert error.value.exit_code == status


def test_a_cloud_that_answers_without_an_offer_has_answered(two: TwoClouds):
    two.a.offers, two.b.fails = (), DOWN
    found = look(two)
    assert (found.offers, set(missing(found))) == ([], {"b"})
    with pytest.raises(NoOffer, match="no answer from: b"):
        plan(two)


def test_a_name_that_only_the_silent_cloud_may_know_says_so(two: TwoClouds):
    two.b.fails, two.b.names = DOWN, ("RTX 4090", "MI300X")
    assert keys(look(two, gpu="4090")) == ["a:1", "a:2"]
    with pytest.raises(NotFound, match="knows a GPU called 'H100'"):
        look(two, gpu="H100")


def test_a_keyless_cloud_in_use_is_named_and_delays_nothing(tmp_path: Path):
    two = TwoClouds(tmp_path, c_is_named=True)
    found = look(two)
    assert len(found.offers) == 4 and missing(found) == {"c": ("left_out", "no key")}
    assert found.missing[0].hint == "set one" and found.unavailable == {}
    assert left_out(plan(two)) == {"c": "no key"}
    with pytest.raises(Misconfigured):
        look(two, provider="c")
    two.close()


def test_a_container_image_leaves_clouds_of_operating_systems_out_before_ranking(two: TwoClouds):
    two.b.traits = replace(two.b.traits, catalogue=Catalogue("ubuntu2404", ImageKind.SYSTEM))
    planned = plan(two, image="pytorch/pytorch:2")
    assert keys(planned) == ["a:1", "a:2"] and two.b.asked == []
    assert left_out(planned) == {"b": "b rents out VMs, which do not run a container image such as pytorch/pytorch:2"}
    assert keys(plan(two))[0] == "b:1" and keys(plan(two, image="ubuntu2404"))[0] == "b:1"
    with pytest.raises(UsageError, match="do not run a container image") as error:
        plan(two, image="pytorch/pytorch:2", provider="b")
    assert error.value.code == "image_kind"


def test_a_cloud_whose_instances_cannot_end_alone_is_left_out(two: TwoClouds):
    two.change("b", is_local=False)
    planned = plan(two)
    assert keys(planned) == ["a:1", "a:2"] and "could not end by themselves" in left_out(planned)["b"]
    with pytest.raises(Refused) as error:
        plan(two, provider="b", to_rent=True)
    assert error.value.code == "no_guard"
    two.a.traits = replace(two.a.traits, catalogue=Catalogue("ubuntu2404", ImageKind.SYSTEM))
    assert keys(plan(two, image="pytorch")) == ["b:1"]
    with pytest.raises(Refused):
        plan(two, image="pytorch", to_rent=True)


def test_a_cloud_whose_balance_does_not_cover_its_cheapest_is_left_out(two: TwoClouds):
    two.ctx.balances.update(a=2_000_000, b=500_000)
    planned = plan(two)
    assert keys(planned) == ["a:1", "a:2"] and planned.refusal == ""
    assert left_out(planned)["b"].startswith("the account holds $0.50")
    two.ctx.balances.update(a=0)
    denied = plan(two)
    assert "(balance)" in denied.refusal and denied.left_out == []


def test_filters_that_a_cloud_does_not_answer_are_counted(two: TwoClouds):
    silent = {"cpu_cores": None, "ram_mb": None, "verified": None, "host_id": None}
    two.b.offers = (make_offer("b", 1, 400_000, is_single=False, **silent), make_offer("b", 2, 400_000, **silent))
    for search, counted in (
        ({"cpus": 8}, {"cpus": 2}), ({"ram_gb": 32}, {"ram": 2}), ({"verified": True}, {"verified": 2}),
        ({"exclude_hosts": ["h7"]}, {"host": 1}), ({"cpus": 8, "ram_gb": 1}, {"cpus": 2, "ram": 2}),
    ):  # fmt: skip
        assert look(two, **search).unstated == counted, search
    assert keys(look(two, exclude_hosts=["h7"])) == ["b:1", "a:1", "a:2"]


@pytest.mark.parametrize(
    ("search", "shown"),
    [
        ({"cpus": 17}, []), ({"cpus": 16}, ["a:1", "a:2"]), ({"ram_gb": 64}, ["a:1", "a:2"]), ({"ram_gb": 65}, []),
        ({"exclude_hosts": ["h1"]}, ["a:2"]), ({"exclude_hosts": ["a:h2"]}, ["a:1"]),
        ({"exclude_hosts": ["b:h1"]}, ["a:1", "a:2"]), ({"offset": 1}, ["a:2"]), ({"limit": 1}, ["a:1"]),
        ({"regions": ["EU"]}, []), ({"regions": ["us"]}, ["a:1", "a:2"]), ({"verified": True}, ["a:1", "a:2"]),
        ({"sort": "value"}, ["a:1", "a:2"]),
    ],
)  # fmt: skip
def test_every_filter_reaches_the_offers(two: TwoClouds, search: dict[str, Any], shown: list[str]):
    assert keys(look(two, provider="a", **search)) == shown


def test_a_cloud_that_prices_a_size_is_asked_for_it_and_each_size_has_its_own_price(two: TwoClouds):
    look(two, provider="b", cpus=12, ram_gb=48)
    assert (two.b.asked[-1].min_cpus, two.b.asked[-1].min_ram_mb) == (12, 47_760)
    two.b.offers = (make_offer("b", 1, 350_000),)
    named = wire.PlanRequest(search=wire.SearchRequest(), offer="b:1", duration_us=HOUR)
    assert two.requests.plan(named).offers[0].rate == 350_000
    assert (two.b.asked[-1].offer_ids, two.b.asked[-1].min_cpus) == (("1",), 0)


@pytest.mark.parametrize(("by", "names"), [("gpu", ["RTX 4090"]), ("cloud", ["b", "a"]), ("region", ["SE", "US"])])
def test_groups_count_offers_stock_and_the_best(two: TwoClouds, by: str, names: list[str]):
    place = {"region": "Stockholm, Sweden", "is_single": False}
    two.b.offers = (
        make_offer("b", 1, 400_000, stock=3, **place), make_offer("b", 2, 500_000, gpu_count=2, stock=1, **place),
    )  # fmt: skip
    found = look(two, group_by=by)
    assert [group.name for group in found.groups] == names and (found.offers, found.total) == ([], 4)
    group = found.groups[0]
    assert (group.rate, group.offer, group.best_value_offer) == (400_000, "b:1", "b:2")
    assert group.best_value == pytest.approx(2 * 24_000 / 1024 / 0.5, abs=0.01)
    assert (group.stock, group.is_stock_known) == ((5, True) if by == "gpu" else (3, True))
    two.b.offers = (make_offer("b", 1, 400_000, **place),)
    two.later(61)
    assert look(two, group_by="cloud").groups[0].is_stock_known is False


@pytest.mark.parametrize("search", [{"group_by": "host"}, {"sort": "colour"}, {"cpus": -1}, {"offset": -1}])
def test_what_cannot_be_asked_is_refused(two: TwoClouds, search: dict[str, Any]):
    with pytest.raises(UsageError):
        look(two, **search)
