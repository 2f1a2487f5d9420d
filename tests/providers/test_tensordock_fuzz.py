"""Changed bodies of TensorDock: never a crash, never "absent" or "created" that the body does not say (C4)."""

from __future__ import annotations

import json
import string
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpushopper.core.model.money import MAX_RATE
from gpushopper.providers.base import (
    Created,
    Destroyed,
    DestroyOutcome,
    InstanceFound,
    InstanceList,
    InstanceNotFound,
    OfferList,
    OfferQuery,
    ReadFailed,
    Refusal,
    RejectedCreate,
    UnknownOutcome,
)
from tests.providers.bodies import CANARY, DATE, reply
from tests.providers.bodies_tensordock import (
    CREATED,
    DELETED,
    ID,
    INSTANCE,
    LOCATIONS,
    NO_NODES,
    NOT_FOUND,
    SHAPE_1,
    SHAPE_2,
    SHAPE_3,
    VALIDATION,
)
from tests.providers.tensordock_calls import always, answering, offer, request
from tests.providers.test_fuzz import replies

REQUEST = request()
OFFER = offer()
HOSTILE = [
    b"[" * 200_000, b'{"data":' * 100_000, b'{"data":[' + b"[" * 5000 + b"]" * 5000 + b"]}", b"1" * 5000,
    b'{"data": NaN}', b'{"data": [Infinity]}', b'{"data": 1e999}', b'{"status": 1e999, "data": []}',
    b'{"status": 400' + b"0" * 5000 + b', "data": []}', b'\xff\xfe{"data": []}', b'{"data": []', b"", b"\x00" * 100,
    b'{"data": {"id": "' + b"a-" * 100_000 + b'"}}', b'{"data": ["' + b"x" * 11_000_000 + b'"]}',
    b"<html>" + b"<div>" * 1000,
]  # fmt: skip


def body_of(response: httpx.Response) -> Any:
    """What the body says; the fuzzer's key is redacted in it, and its numbers that are none are null."""
    try:
        return json.loads(response.content.replace(CANARY.encode(), b"[secret]"), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def adapter_of(response: httpx.Response) -> Any:
    return answering(lambda _: response, token=CANARY)


def is_error(body: Any) -> bool:
    """The rule of tensordock.md 13, written a second time."""
    if not isinstance(body, dict):
        return True
    status = body.get("status")
    numeric = isinstance(status, (int, float)) and not isinstance(status, bool) and status >= 400
    data = body.get("data")
    return numeric or body.get("error") is not None or (isinstance(data, dict) and data.get("error") is not None)


@given(replies(CREATED, NO_NODES, {"data": VALIDATION}))
def test_a_create_answers_with_what_the_body_says(response: httpx.Response):
    value = adapter_of(response).create(REQUEST, 120.0)
    body = body_of(response)
    assert isinstance(value, (Created, RejectedCreate, UnknownOutcome))
    assert CANARY not in repr(value)
    if isinstance(value, Created):
        assert f'"{value.instance_id}"' in response.text and not 300 <= response.status_code < 400
    if isinstance(value, RejectedCreate) and value.why is not Refusal.THROTTLED:
        assert response.status_code < 500 and isinstance(body, (dict, list))
        assert is_error(body) or 400 <= response.status_code < 500
        assert ID not in json.dumps(body) or "type" not in body


@given(replies(SHAPE_1, SHAPE_2, SHAPE_3, {"data": []}))
@example(reply({"data": [], "error": "x"}))
@example(reply({"data": []}, 201))
def test_a_list_is_whole_only_if_every_item_was_understood(response: httpx.Response):
    value = adapter_of(response).fetch_instances(30.0)
    assert isinstance(value, (InstanceList, ReadFailed))
    assert CANARY not in repr(value)
    body = body_of(response)
    if isinstance(value, InstanceList):
        assert 200 <= response.status_code < 300 and not is_error(body)
    if isinstance(value, InstanceList) and value.complete:
        data = body["data"]
        items = data if isinstance(data, list) else data.get("instances")
        items = items if isinstance(items, list) else data["attributes"]["instances"]
        assert len(items) == len(value.instances)
        assert {item["id"] for item in items} == {one.instance_id for one in value.instances}
        assert all(isinstance(one.label, str) for one in value.instances)


@given(replies(INSTANCE, {"data": INSTANCE}, NOT_FOUND))
def test_a_read_by_id_is_about_that_id(response: httpx.Response):
    value = adapter_of(response).fetch_instance(ID, 30.0)
    assert isinstance(value, (InstanceFound, InstanceNotFound, ReadFailed))
    body = body_of(response)
    if isinstance(value, InstanceFound):
        assert 200 <= response.status_code < 300 and not is_error(body)
        assert ID in (body.get("id"), body.get("data") and body["data"].get("id")) and value.instance.instance_id == ID
    if isinstance(value, InstanceNotFound):
        assert response.status_code == 404 and isinstance(body, dict)


@given(replies(DELETED, NOT_FOUND))
def test_a_destroy_is_acknowledged_only_by_success(response: httpx.Response):
    (value,) = adapter_of(response).destroy((ID,), 90.0)
    assert isinstance(value, Destroyed)
    if value.outcome is DestroyOutcome.ACKNOWLEDGED:
        body = body_of(response)
        assert response.status_code == 204 or (200 <= response.status_code < 300 and not (body and is_error(body)))
    if value.outcome is DestroyOutcome.NOT_FOUND:
        assert response.status_code == 404


@given(replies(LOCATIONS))
def test_a_search_never_invents_an_offer(response: httpx.Response):
    value = adapter_of(response).search(OfferQuery(limit=None), 30.0)
    assert isinstance(value, (OfferList, ReadFailed))
    for one in value.offers if isinstance(value, OfferList) else ():
        assert one.reference is not None
        place, key, count = one.reference.partition(".")[0], one.reference.split(".")[1], one.gpu_count
        assert place in response.text and key in response.text and one.reference.endswith(f".{count}")
        assert 0 < one.gpu_rate <= one.rate(1000) <= MAX_RATE * 2 and 0 < count <= 64


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_a_hostile_body_proves_nothing(content: bytes, status: int):
    def answer() -> httpx.Response:
        return httpx.Response(status, content=content, headers={"Content-Type": "application/json", "Date": DATE})

    assert isinstance(always(answer()).create(REQUEST, 120.0), UnknownOutcome)
    assert isinstance(always(answer()).fetch_instances(30.0), ReadFailed)
    assert isinstance(always(answer()).fetch_instance(ID, 30.0), ReadFailed)
    assert isinstance(always(answer()).search(OfferQuery(offer_ids=("hr4ec3s-1",)), 30.0), ReadFailed)
    (outcome,) = always(answer()).destroy((ID,), 90.0)
    assert outcome.outcome in (DestroyOutcome.UNKNOWN, DestroyOutcome.ACKNOWLEDGED)


@given(st.text(string.printable + "\x00\x1b\u202e\ud800\u2028", max_size=60).filter(bool))
def test_text_from_outside_has_no_control_characters(text: str):
    body = {"data": [{**INSTANCE, "name": text, "status": text, "ipAddress": text, "portForwards": text}]}
    response = httpx.Response(200, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    provider = always(response)
    (row,) = provider.fetch_instances(30.0).instances
    for word in (row.label, row.provider_status, row.progress, row.ssh_host, *provider.unknown_fields):
        assert not set(word or "") & set("\x00\x1b\u202e\u2028\n")
    assert row.label == text or not text.isprintable() or not text.isascii()
