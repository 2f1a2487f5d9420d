"""Offers out of TensorDock's locations: prices for what would be rented, stable ids, and what is left out."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import httpx
import pytest

from gpushopper.core.model.offer import Offer
from gpushopper.core.secret import Credential
from gpushopper.core.spelling.gpus import resolve_gpu
from gpushopper.errors import Misconfigured
from gpushopper.providers import traits
from gpushopper.providers.base import ErrorKind, OfferList, OfferQuery, ReadFailed
from gpushopper.providers.tensordock import TRAITS, connect, vm_sizes
from gpushopper.providers.tensordock.parsing.gpu_keys import name_of, vram_mb_of
from gpushopper.providers.tensordock.parsing.ids import OfferId, read_offer_id
from tests.providers.bodies import DATE_US, reply
from tests.providers.bodies_tensordock import GATEWAY, LOCATIONS, PLACE, REFERENCE, RTX_4090, TOKEN
from tests.providers.tensordock_calls import always, answering, search


def changed(**changes: Any) -> dict[str, Any]:
    """The example with other fields of its GPU; of `resources`, `pricing` and `network_features` single ones."""
    body = copy.deepcopy(LOCATIONS)
    gpu = body["data"]["locations"][0]["gpus"][0]
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(gpu.get(name), dict):
            gpu[name].update(value)
        else:
            gpu[name] = value
    return body


def test_an_offer_is_priced_for_gpus_vcpus_memory_and_disk_together():
    found = search(LOCATIONS)
    assert isinstance(found, OfferList) and found.complete and found.invalid_prices == 0
    one, two, four = found.offers
    assert [offer.reference for offer in found.offers] == [f"{PLACE}.{RTX_4090}.{count}" for count in (1, 2, 4)]
    assert (one.gpu, one.gpu_count, one.vram_mb, one.region) == ("RTX 4090", 1, 24_576, "Chubbuck, Idaho, US")
    assert one.gpu_rate == round((0.3966 + 4 * 0.003 + 16 * 0.002) * 1_000_000) == 440_600
    assert one.rate(20) == one.rate(100) == 440_600 + 5_000 and one.rate(101) == 440_600 + 7_500
    assert two.gpu_rate == round((2 * 0.3966 + 8 * 0.003 + 32 * 0.002) * 1_000_000)
    assert (four.cpu_cores, four.ram_mb, four.disk_gb, four.seen_at) == (16, 65_536, 30_200, DATE_US)
    assert (one.host_id, one.reliability, one.cuda, one.verified, one.is_single) == (None, None, None, None, False)


def test_the_list_is_asked_for_with_the_token_and_nothing_else():
    sent: list[httpx.Request] = []
    always(reply(LOCATIONS), sent).search(OfferQuery(), 30.0)
    (http,) = sent
    assert (http.method, str(http.url)) == ("GET", "http://127.0.0.1:9/api/v2/locations")
    assert http.headers["authorization"] == f"Bearer {TOKEN}"


def test_the_instances_gpu_has_the_offers_name():
    found = search(LOCATIONS)
    assert name_of(RTX_4090) == found.offers[0].gpu


def short(count: int, place: str = PLACE) -> str:
    return OfferId(place, RTX_4090, count).short


def test_an_id_is_short_the_same_in_every_search_and_finds_its_offer_again():
    assert [offer.offer_id for offer in search(LOCATIONS).offers] == [short(1), short(2), short(4)]
    assert short(1) == "hr4ec3s-1" and len(f"tensordock:{short(16)}") <= 21
    asked = (short(3), short(1), "hr4ec3s", "29817342", short(64), short(1, OTHER_PLACE))
    found = search(LOCATIONS, offer_ids=asked, gpus=("A100",), limit=None)
    assert [(offer.offer_id, offer.gpu_count) for offer in found.offers] == [(short(1), 1), (short(3), 3)]
    assert found.offers[1].reference == f"{PLACE}.{RTX_4090}.3"


OTHER_PLACE = PLACE[:-1] + "f"
ALIKE = ("8dd95ff0-0000-4000-8000-000000042197", "8dd95ff0-0000-4000-8000-000000129340")
"""Places where the same GPU has the same short id."""


def at_places(*places: str) -> dict[str, Any]:
    body = copy.deepcopy(LOCATIONS)
    rows = body["data"]["locations"]
    return {"data": {"locations": [{**rows[0], "id": place} for place in places]}}


def test_two_types_with_one_short_id_have_their_whole_ids_and_neither_stands_for_the_other():
    assert short(1, ALIKE[0]) == short(1, ALIKE[1]) == "raxv3io-1"
    body = at_places(PLACE, *ALIKE)
    whole = [f"{place}.{RTX_4090}.1" for place in ALIKE]
    assert sorted(offer.offer_id for offer in search(body, exact_gpus=1).offers) == sorted([short(1), *whole])
    assert search(body, offer_ids=("raxv3io-1",)).offers == ()
    (found,) = search(body, offer_ids=(whole[1],)).offers
    assert found.offer_id == found.reference == whole[1]
    (alone,) = search(at_places(ALIKE[0]), offer_ids=("raxv3io-1",)).offers
    assert alone.reference == whole[0]


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ({"exact_gpus": 3}, [3]), ({"exact_gpus": 2}, [2]), ({"exact_gpus": 5}, []), ({"min_gpus": 3}, [3, 4]),
        ({"gpus": ("RTX 4090",)}, [1, 2, 4]), ({"gpus": ("A100 PCIe",)}, []), ({"min_vram_mb": 30_000}, []),
        ({"max_gpu_rate": 900_000}, [1, 2]), ({"disk_gb": 30_200}, [1, 2, 4]), ({"disk_gb": 30_201}, []),
        ({"limit": 2}, [1, 2]),
    ],
)  # fmt: skip
def test_a_search_finds_only_what_it_asks_for(query: dict[str, Any], counts: list[int]):
    found = search(LOCATIONS, **query)
    assert [offer.gpu_count for offer in found.offers] == counts
    assert found.complete is ("limit" not in query)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"network_features": {"dedicated_ip_available": False}}, []),
        ({"network_features": {"dedicated_ip_available": None}}, []),
        ({"network_features": {}}, [1, 2, 4]),
        ({"network_features": None}, []),
        ({"resources": {"max_vcpus": 8}}, [1, 2]),
        ({"resources": {"max_ram_gb": 16}}, [1]),
        ({"resources": {"max_storage_gb": 99}}, []),
        ({"max_count": 0}, []),
        ({"max_count": 9}, [1, 2, 4, 8]),
        ({"max_count": 10**9}, [1, 2, 4, 8]),
    ],
)
def test_only_what_a_place_can_make_and_reach_is_offered(changes: dict[str, Any], counts: list[int]):
    assert [offer.gpu_count for offer in search(changed(**changes)).offers] == counts


@pytest.mark.parametrize(
    "changes",
    [
        {"price_per_hr": -1}, {"price_per_hr": 0}, {"price_per_hr": "free"}, {"price_per_hr": 1e9},
        {"price_per_hr": True}, {"pricing": {"per_vcpu_hr": -0.1}}, {"pricing": {"per_gb_storage_hr": []}},
        {"pricing": {"per_gb_storage_hr": 1e12}},
    ],
)  # fmt: skip
def test_an_invalid_price_is_counted_and_never_offered(changes: dict[str, Any]):
    found = search(changed(**changes))
    assert found.offers == () and found.invalid_prices > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"price_per_hr": None}, {"pricing": None}, {"pricing": {"per_gb_ram_hr": None}}, {"v0Name": None},
        {"v0Name": "../x"}, {"v0Name": "x-pcie", "displayName": "X"}, {"resources": None}, {"max_count": None},
        {"max_count": -1},
    ],
)  # fmt: skip
def test_what_cannot_be_priced_or_named_is_left_out_and_noted(changes: dict[str, Any]):
    provider = always(reply(changed(**changes)))
    found = provider.search(OfferQuery(), 30.0)
    assert isinstance(found, OfferList) and found.offers == ()
    assert any("dropped" in name for name in provider.unknown_fields)


def test_no_stock_is_a_normal_answer():
    """The market was seen empty for long times (tensordock.md 1)."""
    assert search({"data": {"locations": []}}) == OfferList((), True, DATE_US)
    assert always(reply({"data": {"locations": []}})).gpu_names(30.0) == ()


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": {}}, {"data": {"locations": {}}}, {"data": None}, []])
def test_an_unknown_shape_is_no_empty_market(body: Any):
    found = search(body)
    assert isinstance(found, ReadFailed) and found.error_kind is ErrorKind.SHAPE


def test_a_broken_place_hides_no_other():
    body = copy.deepcopy(LOCATIONS)
    body["data"]["locations"][:0] = [None, 5, {"id": None}, {"id": "x"}, {"id": PLACE[:-1] + "2", "gpus": "none"}]
    assert len(search(body).offers) == 3


def test_a_map_of_gpus_is_read_as_a_list():
    body = copy.deepcopy(LOCATIONS)
    (gpu,) = body["data"]["locations"][0]["gpus"]
    body["data"]["locations"][0]["gpus"] = {gpu.pop("v0Name"): gpu}
    assert search(body) == search(LOCATIONS)


def test_a_search_retries_a_gateway_once_and_says_what_failed():
    answers = [httpx.Response(502, text=GATEWAY), reply(LOCATIONS)]
    assert isinstance(answering(lambda _: answers.pop(0)).search(OfferQuery(), 30.0), OfferList)
    failed = always(httpx.Response(502, text=GATEWAY)).search(OfferQuery(), 30.0)
    assert isinstance(failed, ReadFailed) and failed.error_kind is ErrorKind.NETWORK


@pytest.mark.parametrize(
    ("key", "name", "vram_gb"),
    [
        ("geforcertx4090-pcie-24gb", "RTX 4090", 24), ("geforcertx5090-pcie-32gb", "RTX 5090", 32),
        ("rtxa4000-pcie-16gb", "RTX A4000", 16), ("rtxa6000-pcie-48gb", "RTX A6000", 48),
        ("l4-pcie-24gb", "L4", 24), ("l40s-pcie-48gb", "L40S", 48), ("a40-pcie-48gb", "A40", 48),
        ("a100-sxm4-80gb", "A100 SXM", 80), ("a100-pcie-80gb", "A100 PCIe", 80),
        ("h100-sxm5-80gb", "H100 SXM", 80), ("v100-sxm2-16gb", "V100 SXM", 16),
        ("geforcertx4070tisuper-pcie-16gb", "RTX 4070 Ti SUPER", 16), ("rtx5000ada-pcie-32gb", "RTX 5000 Ada", 32),
        ("strange", "strange", None), ("b200-sxm6-0gb", "B200", None),
    ],
)  # fmt: skip
def test_names_and_memory_come_from_the_key(key: str, name: str, vram_gb: int | None):
    assert name_of(key).strip() == name.strip()
    assert vram_mb_of(key) == (None if vram_gb is None else vram_gb * 1024)


@pytest.mark.parametrize(
    ("typed", "key"),
    [("4090", "geforcertx4090-pcie-24gb"), ("a100", "a100-sxm4-80gb"), ("rtx a4000", "rtxa4000-pcie-16gb"),
     ("H100 SXM", "h100-sxm5-80gb"), ("4070 ti super", "geforcertx4070tisuper-pcie-16gb")],
)  # fmt: skip
def test_a_name_as_people_type_it_finds_the_type(typed: str, key: str):
    assert resolve_gpu(typed, [name_of(key), "A10"]) == (name_of(key),)


def test_the_memory_may_stand_in_the_shown_name_alone():
    assert search(changed(v0Name="geforcertx4090")).offers[0].vram_mb == 24_576


@pytest.mark.parametrize("text", ["", "1", "a.b.c", f"{PLACE}.x.0", f"{PLACE}.x.100", f"{PLACE}.x.65", f"{PLACE}..1",
                                  f"{PLACE}.x/y.1", f"{PLACE}.x.1 ", f"instances.{RTX_4090}.1"])  # fmt: skip
def test_any_other_text_is_no_offer_id(text: str):
    assert read_offer_id(text) is None


def test_a_reference_says_all_that_a_create_needs():
    assert read_offer_id(REFERENCE) == OfferId(PLACE, RTX_4090, 1)
    assert str(OfferId(PLACE, "x.y-z_1", 64)) == f"{PLACE}.x.y-z_1.64"
    assert read_offer_id(f"{PLACE}.x.y-z_1.64") == OfferId(PLACE, "x.y-z_1", 64)


def test_sizes_are_rounded_up_to_the_steps_that_are_sold():
    steps = {2, 4, 6, 8, 10, *range(16, 257, 16), 512}
    for count in range(1, 33):
        size = vm_sizes.size_for(count)
        assert size is not None and size.vcpus % 2 == 0 and size.ram_gb in steps
        assert size.vcpus >= 4 * count and size.ram_gb >= 16 * count
    assert vm_sizes.size_for(33) is None, "no VM has more than 512 GB"
    assert vm_sizes.size_for(1, 5, 47_760) == vm_sizes.VmSize(6, 48) and vm_sizes.size_for(2, 1, 1) == (
        vm_sizes.size_for(2)
    )
    assert vm_sizes.size_for(1, 0, 600_000) is None
    for asked in (1, 99.5, 100, 101, 150, 151, 1000.2):
        assert vm_sizes.storage_gb(asked) == TRAITS.billing.disk_for(asked)


def test_the_traits_fit_the_rules():
    assert traits("tensordock") is TRAITS


@pytest.mark.parametrize(
    ("endpoint", "token"),
    [
        ("ftp://x", TOKEN), ("https://x?a=b", TOKEN), ("https://u:p@x", TOKEN), ("http://elsewhere/api/v2", TOKEN),
        ("https://x", ""), ("https://x", "two words"), ("https://x", "tok\u00e9n"),
        ("https://x", "0b6d6b1e-2f0c-4a8e-9d53-6f1a2b3c4d5e"),
    ],
)  # fmt: skip
def test_an_account_with_a_wrong_address_or_token_is_not_connected(endpoint: str, token: str):
    with pytest.raises(Misconfigured) as caught:
        connect(endpoint, Credential.of([("api_token", token)], [("authorization_id", "x")]), lambda: 0.0)
    assert not token or token not in str(caught.value)


def test_no_price_is_rounded_down():
    body = changed(price_per_hr=0.3000001, pricing={"per_gb_storage_hr": 0.0000691})
    (offer, *_) = search(body).offers
    exact = Decimal("0.3000001") + 4 * Decimal("0.003") + 16 * Decimal("0.002") + 100 * Decimal("0.0000691")
    assert exact <= Decimal(offer.rate(100)) / 1_000_000 < exact + Decimal("0.000003")


def test_an_offer_is_priced_for_the_vcpu_and_memory_that_are_asked_for():
    def cheapest(**asked: float) -> Offer:
        found = always(reply(LOCATIONS)).search(OfferQuery(exact_gpus=1, **asked), 30.0)
        assert isinstance(found, OfferList)
        return min(found.offers, key=lambda offer: offer.gpu_rate)

    plain, larger = cheapest(), cheapest(min_cpus=7.0, min_ram_mb=30_000)
    assert (plain.cpu_cores, plain.ram_mb, larger.cpu_cores, larger.ram_mb) == (4.0, 16_384, 8.0, 32_768)
    assert larger.gpu_rate > plain.gpu_rate


@pytest.mark.parametrize("asked", [{"countries": frozenset({"US"})}, {"min_cuda": 12.0}, {"min_reliability": 0.9}])
def test_what_tensordock_does_not_filter_cuts_off_no_offers(asked: dict[str, Any]):
    found = search(LOCATIONS, limit=1, **asked)
    assert len(found.offers) == 3 and found.complete
