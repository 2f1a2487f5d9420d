"""Vast's charges: what was billed for each instance, on all pages, or nothing at all (vastai.md 10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gpushopper.core.model.records.charge import Charge, ChargeList
from gpushopper.providers.base import ErrorKind, ReadFailed
from gpushopper.providers.charges import charging
from tests.providers.bodies import reply
from tests.providers.stage import LIMIT_S, START, Stage, answering, make_stage

ITEMS = [
    {"type": "gpu", "amount": 8.4, "start": 1793404800, "end": 1793491199, "source": None, "metadata": {}, "items": []},
    {"type": "disk", "amount": 0.2, "description": "40 GB"},
    {"type": "bwd", "amount": 0.01},
    {"type": "bwu", "amount": 0.002},
]
ROW: dict[str, Any] = {
    "start": 1793404800, "end": 1793491199, "type": "instance", "source": "instance-33402296",
    "description": "Instance 33402296 Charges - 1 days", "amount": 8.613, "metadata": {"label": "x"}, "items": ITEMS,
}  # fmt: skip


def page(*rows: Any, total: int | None = None, token: str | None = None) -> dict[str, Any]:
    count = len(rows) if total is None else total
    return {"success": True, "count": len(rows), "total": count, "next_token": token, "results": list(rows)}


def fetch(*bodies: Any) -> tuple[ChargeList | ReadFailed, list[httpx.Request]]:
    """What the adapter makes of these pages, and what it asked."""
    asked: list[httpx.Request] = []
    left: Iterator[Any] = iter(bodies)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        body = next(left, bodies[-1])
        return body if isinstance(body, httpx.Response) else reply(body)

    client = charging(answering(answer))
    assert client is not None
    return client.fetch_charges(1_793_404_800_000_000, 1_793_491_199_999_999, LIMIT_S), asked


def test_the_parts_of_a_charge_are_read_and_its_amount_is_what_counts():
    found, (asked,) = fetch(page(ROW))
    charge = Charge("33402296", 8_400_000, 200_000, 12_000, 1_000, 1_793_491_199_000_000)
    assert found == ChargeList((charge,), complete=True)
    assert charge.total == 8_613_000
    assert asked.url.path == "/api/v0/charges/"
    assert dict(asked.url.params) == {
        "select_filters": '{"day":{"gte":1793404800,"lte":1793491199},"type":{"in":["instance"]}}',
        "latest_first": "false", "limit": "500", "format": "table",
    }  # fmt: skip


def test_pages_are_followed_and_the_lines_of_one_instance_added_up():
    other = {**ROW, "source": "instance-7", "items": []}
    found, asked = fetch(page(ROW, total=3, token="p2"), page(ROW, other, total=3))
    assert isinstance(found, ChargeList) and found.complete
    assert {each.instance_id: each.total for each in found.charges} == {"33402296": 17_226_000, "7": 8_613_000}
    assert found.charges[1].other == 8_613_000, "what is in no known part"
    assert asked[1].url.params["after_token"] == "p2"


@pytest.mark.parametrize(
    "bodies",
    [
        (page(ROW, total=2),),
        (page(ROW, token="p2", total=2), page(ROW, token="p2", total=2)),
        (page({**ROW, "amount": "much"}),),
        (page({**ROW, "source": "volume-3"}),),
        (page({**ROW, "items": [{"type": "gpu", "amount": -1}]}),),
        (page(None),),
        ({key: value for key, value in page(ROW).items() if key != "total"},),
    ],
)
def test_what_cannot_be_read_whole_says_so(bodies: tuple[Any, ...]):
    found, _ = fetch(*bodies)
    assert isinstance(found, ChargeList) and not found.complete and found.detail


@pytest.mark.parametrize(
    ("bodies", "kind"),
    [
        (({"success": True},), ErrorKind.SHAPE),
        ((page(ROW, token="p2", total=2), reply({"msg": "no"}, 503)), ErrorKind.NETWORK),
        ((reply({"success": False, "error": "not_authorized", "msg": "billing_read"}, 403),), ErrorKind.AUTH),
    ],
)
def test_a_page_that_fails_is_no_list(bodies: tuple[Any, ...], kind: ErrorKind):
    found, _ = fetch(*bodies)
    assert isinstance(found, ReadFailed) and found.error_kind is kind


def test_the_simulated_cloud_charges_what_it_bills():
    stage: Stage = make_stage("vast")
    rented = {stage.rent() for _ in range(3)}
    stage.later(3600)
    client = charging(stage.provider)
    assert client is not None
    found = client.fetch_charges(START, stage.clock.wall(), LIMIT_S)
    assert isinstance(found, ChargeList) and found.complete
    assert {each.instance_id for each in found.charges} == rented
    stage.world.market.settle()
    for each in found.charges:
        meter = stage.world.market.instances[int(each.instance_id)].meter
        assert abs(each.total - meter.units / 3_600_000_000) < 1_000


def test_a_cloud_that_tells_no_charges_has_no_such_call():
    assert charging(make_stage("tensordock").provider) is None
