"""Vast's replies as vastai.md records them, without the sandbox: shapes, prices, ids, secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gpushopper.providers.base import (
    Account,
    DestroyOutcome,
    ErrorKind,
    InstanceFound,
    InstanceList,
    InstanceNotFound,
    OfferList,
    OfferQuery,
    ReadFailed,
)
from tests.providers.bodies import DATE_US, LIST, OFFER, ROW, reply
from tests.providers.stage import LIMIT_S, answering

ID = "33402296"


def always(answer: Callable[[], httpx.Response]) -> Any:
    return answering(lambda request: answer())


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"instances": None}, 200, InstanceNotFound),
        ({"success": True, "instances": None}, 200, InstanceNotFound),
        ({"success": False, "error": "no_such_instance", "msg": "x"}, 404, InstanceNotFound),
        ({"instances": ROW}, 200, InstanceFound),
        ({"success": False, "instances": None}, 200, ReadFailed),
        ({"error": "auth_error", "instances": None}, 200, ReadFailed),
        ({"success": False, "error": "auth_error", "msg": "Invalid user key"}, 404, ReadFailed),
        ({"success": False, "error": "no_such_instance", "msg": "Invalid user key"}, 404, ReadFailed),
        ({"success": False, "error": "not_found"}, 404, ReadFailed),
        ({"instances": []}, 200, ReadFailed),
        ({"instances": {}}, 200, ReadFailed),
        ({"instances": [ROW]}, 200, ReadFailed),
        ({"instances": {**ROW, "id": 33402297}}, 200, ReadFailed),
        ({"instances": {**ROW, "id": None}}, 200, ReadFailed),
        ({"instance": None}, 200, ReadFailed),
        ({}, 200, ReadFailed),
        (None, 200, ReadFailed),
        ("null", 200, ReadFailed),
        ({"instances": None}, 410, ReadFailed),
        ({"instances": None}, 500, ReadFailed),
        ({"instances": None}, 202, ReadFailed),
        ({"error": "no_such_instance"}, 400, ReadFailed),
    ],
)
def test_only_two_replies_say_that_an_instance_is_not_found(body: Any, status: int, kind: type):
    assert isinstance(always(lambda: reply(body, status)).fetch_instance(ID, LIMIT_S), kind)


@pytest.mark.parametrize(
    ("change", "error_kind"),
    [
        ({"success": False}, ErrorKind.SHAPE), ({"instances": None}, ErrorKind.SHAPE), ({"instances": {}},
        ErrorKind.SHAPE),
        ({"error": "x"}, ErrorKind.SHAPE), ({"success": "true"}, ErrorKind.SHAPE), ({"instances": ["x"]},
        ErrorKind.SHAPE),
        ({"instances": [{}]}, ErrorKind.SHAPE),
    ],
)  # fmt: skip
def test_a_list_of_another_shape_is_a_failed_read(change: dict[str, Any], error_kind: ErrorKind):
    answer = always(lambda: reply({**LIST, **change})).fetch_instances(LIMIT_S)
    assert isinstance(answer, ReadFailed) and answer.error_kind is error_kind


@pytest.mark.parametrize(
    "change",
    [
        {"total_instances": 2}, {"total_instances": 0}, {"total_instances": None}, {"total_instances": True},
        {"next_token": 5}, {"next_token": "x" * 5000}, {"instances": [ROW, {"label": None}]},
        {"instances": [ROW, None]}, {"instances": [{**ROW, "label": 5, "extra_env": None}]},
        {"instances": [], "total_instances": 1},
    ],
)  # fmt: skip
def test_a_list_with_an_unreadable_part_is_not_complete(change: dict[str, Any]):
    answer = always(lambda: reply({**LIST, **change})).fetch_instances(LIMIT_S)
    assert isinstance(answer, ReadFailed) or (not answer.complete and answer.detail)


def test_a_repeated_page_token_makes_the_list_incomplete():
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        row = {**ROW, "id": 33402296 + len(requests)}
        return reply({**LIST, "instances": [row], "next_token": "same", "total_instances": 2})

    answer = answering(handle).fetch_instances(LIMIT_S)
    assert isinstance(answer, InstanceList) and not answer.complete
    assert len(requests) == 2
    assert requests[1].url.params["after_token"] == "same"
    assert json.loads(requests[0].url.params["order_by"]) == [{"col": "id", "dir": "asc"}]


@pytest.mark.parametrize(
    ("second", "detail"),
    [
        ({"error": "x"}, "a page is missing"), ({**LIST, "total_instances": 2}, "rows moved"),
        ({**LIST, "instances": [{**ROW, "id": 33402297}], "total_instances": 2}, "the total changed"),
    ],
)  # fmt: skip
def test_a_contradicting_second_page_makes_the_list_incomplete(second: dict[str, Any], detail: str):
    """The first page alone would agree with its own total."""
    pages = [reply({**LIST, "next_token": "more"}), reply(second)]
    answer = answering(lambda request: pages.pop(0)).fetch_instances(LIMIT_S)
    assert isinstance(answer, InstanceList) and not answer.complete
    assert answer.detail.startswith(detail)


def test_an_empty_account_is_complete():
    answer = always(lambda: reply({**LIST, "instances": [], "total_instances": 0})).fetch_instances(LIMIT_S)
    assert answer == InstanceList((), True, DATE_US)


def test_a_bad_offer_row_drops_no_other_row():
    body = {"offers": [OFFER, None, {**OFFER, "id": "x", "ask_contract_id": 5, "dph_base": "0.1"}, {}]}
    found = always(lambda: reply(body)).search(OfferQuery(), LIMIT_S)
    assert isinstance(found, OfferList)
    assert [o.offer_id for o in found.offers] == ["5", "29817342"]


@pytest.mark.parametrize("body", [{}, {"offers": None}, {"offers": {}}, {"success": False, "offers": []}, [], None])
def test_a_search_of_another_shape_is_a_failed_read(body: Any):
    assert isinstance(always(lambda: reply(body)).search(OfferQuery(), LIMIT_S), ReadFailed)


def test_offers_at_one_price_beyond_a_page_are_found_by_host():
    market = [{**OFFER, "id": n, "ask_contract_id": n, "machine_id": n // 2 + 1, "dph_total": 0.2 if n < 200 else 0.3}
              for n in range(1, 301)]  # fmt: skip
    ops: dict[str, Callable[[float, float], bool]] = {
        "gte": lambda a, b: a >= b, "gt": lambda a, b: a > b, "lte": lambda a, b: a <= b
    }  # fmt: skip

    def handle(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        rows = [row for row in market for name in ("dph_total",)
                if all(ops[op](row[name], want) for op, want in asked.get(name, {}).items())
                and row["machine_id"] >= asked.get("machine_id", {}).get("gte", 0)]  # fmt: skip
        rows.sort(key=lambda row: row[asked["order"][0][0]])
        return reply({"offers": rows[:64]})

    found = answering(handle).search(OfferQuery(limit=None), 3600.0)
    assert isinstance(found, OfferList) and found.complete
    assert len(found.offers) == 300


def test_a_full_reply_that_cannot_be_continued_is_not_complete():
    rows = [{**OFFER, "ask_contract_id": n, "dph_total": None if n == 64 else 0.2} for n in range(1, 65)]
    found = always(lambda: reply({"offers": rows})).search(OfferQuery(limit=None), LIMIT_S)
    assert isinstance(found, OfferList) and len(found.offers) == 64 and not found.complete


def test_gpu_names_come_from_a_search_where_the_list_is_missing():
    def handle(request: httpx.Request) -> httpx.Response:
        return reply({"offers": [OFFER]}) if request.method == "POST" else reply({"error": "not_found"}, 404)

    assert answering(handle).gpu_names(LIMIT_S) == ("RTX 4090",)


@pytest.mark.parametrize(
    ("credit", "balance"),
    [(12.34, 12_340_000), (-0.5, -500_000), ("3", 3_000_000), (25_000, 25_000_000_000), (None, None), (True, None),
     ("x", None)],
)  # fmt: skip
def test_the_balance_is_the_credit(credit: Any, balance: int | None):
    answer = always(lambda: reply({"id": 7001, "balance": 99.0, "credit": credit})).fetch_account(LIMIT_S)
    assert answer == Account("7001", balance, DATE_US)


@pytest.mark.parametrize("body", [{}, {"id": None, "credit": 1}, {"id": "x/y"}, {"id": True}, [], None])
def test_an_account_without_an_id_is_a_failed_read(body: Any):
    assert isinstance(always(lambda: reply(body)).fetch_account(LIMIT_S), ReadFailed)


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        ({"success": True}, 200, DestroyOutcome.ACKNOWLEDGED), ({"success": 1}, 200, DestroyOutcome.UNKNOWN),
        ({}, 200, DestroyOutcome.UNKNOWN), ({"success": False}, 200, DestroyOutcome.UNKNOWN),
        ({"success": False, "msg": "try again in 2 minutes"}, 200, DestroyOutcome.RETRY_LATER),
        ({"success": True}, 500, DestroyOutcome.UNKNOWN), ({"success": True}, 202, DestroyOutcome.UNKNOWN),
        ({"error": "not_found"}, 404, DestroyOutcome.NOT_FOUND), ({"msg": "gone"}, 404, DestroyOutcome.UNKNOWN),
        ({"error": "auth_error"}, 404, DestroyOutcome.KEY_REJECTED),
        ({"error": "x", "msg": "Two Factor Authentication needed"}, 401, DestroyOutcome.KEY_REJECTED),
    ],
)  # fmt: skip
def test_destroy_outcomes(body: Any, status: int, outcome: DestroyOutcome):
    (answer,) = always(lambda: reply(body, status)).destroy((ID,), LIMIT_S)
    assert answer.outcome is outcome
    assert (answer.date is not None) == (outcome in (
        DestroyOutcome.ACKNOWLEDGED, DestroyOutcome.NOT_FOUND, DestroyOutcome.RETRY_LATER))  # fmt: skip
    if "minutes" in str(body):
        assert answer.retry_after_s == 120


def test_a_bulk_destroy_takes_64_and_the_rest_is_retried_later():
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, json.loads(request.content)))
        return reply({"success": True})

    ids = tuple(str(n) for n in range(1, 71))
    outcomes = answering(handle).destroy((*ids, "x", "1"), LIMIT_S)
    assert seen == [("/api/v0/instances/", {"instance_ids": list(range(1, 65))})]
    kinds = [outcome.outcome for outcome in outcomes]
    assert kinds == [DestroyOutcome.ACKNOWLEDGED] * 64 + [DestroyOutcome.RETRY_LATER] * 6 + [
        DestroyOutcome.UNKNOWN, DestroyOutcome.ACKNOWLEDGED]  # fmt: skip
