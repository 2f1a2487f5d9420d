"""Changed bodies: never a crash, never "absent" or "created" that the body does not say (C4)."""

from __future__ import annotations

import copy
import json
import string
from typing import Any

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from gpushopper.providers.base import (
    Account,
    Created,
    CreateRequest,
    Destroyed,
    DestroyOutcome,
    InstanceFound,
    InstanceList,
    InstanceNotFound,
    OfferList,
    OfferQuery,
    ReadFailed,
    RejectedCreate,
    UnknownOutcome,
)
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.vast.parsing.offer_rows import read_offer
from tests.providers.bodies import CANARY, CREATED, DATE, INSTANCE_CANARY, LIST, NO_SUCH_ASK, OFFER, ROW
from tests.providers.stage import answering

ID = "33402296"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ODD = [201, 202, 204, 301, 302, 400, 401, 403, 404, 409, 410, 418, 429, 500, 502, 503, 504]
STATUS = st.sampled_from([200] * 6 + ODD)
TYPE = st.sampled_from(["application/json"] * 8 + ["text/html", "application/json; charset=utf-8", "text/plain", ""])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a body."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [found for key, item in inner for found in [(*path, key), *places(item, (*path, key))]]


def put(body: Any, path: tuple[Any, ...], change: str, value: Any) -> None:
    """Delete, rename or replace what stands at a place; a place that is gone by now is left alone."""
    for key in path[:-1]:
        try:
            body = body[key]
        except (KeyError, IndexError, TypeError):
            return
    try:
        if change == "delete":
            del body[path[-1]]
        elif change == "rename" and isinstance(body, dict):
            body[f"{path[-1]}_v2"] = body.pop(path[-1])
        else:
            body[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        return


@st.composite
def mutated(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
    """A valid body with up to three places changed, perhaps cut off or with foreign bytes in it."""
    changed = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(body)))
        put(changed, path, draw(st.sampled_from(["delete", "rename", "replace"])), draw(JSON))
    text = json.dumps(changed).encode()
    match draw(st.integers(0, 9)):
        case 0:
            text = text[: draw(st.integers(0, len(text)))]
        case 1:
            at = draw(st.integers(0, len(text)))
            text = text[:at] + draw(st.binary(max_size=4)) + text[at:]
    return text


@st.composite
def replies(draw: st.DrawFn, *bodies: dict[str, Any]) -> httpx.Response:
    content = draw(mutated(draw(st.sampled_from(bodies))))
    return httpx.Response(draw(STATUS), content=content, headers={"Content-Type": draw(TYPE), "Date": DATE})


def answer_of(response: httpx.Response, call: str) -> Any:
    provider = answering(lambda request: response, key=CANARY)
    offer = read_offer(OFFER, 20.0, 0, UnknownFields())
    assert offer is not None
    match call:
        case "create":
            value: Any = provider.create(CreateRequest(offer, "l", "i", 20.0, {}), 60.0)
        case "list":
            value = provider.fetch_instances(30.0)
        case "get":
            value = provider.fetch_instance(ID, 30.0)
        case "destroy":
            (value,) = provider.destroy((ID,), 30.0)
        case "search":
            value = provider.search(OfferQuery(), 30.0)
        case _:
            value = provider.fetch_account(30.0)
    shown = f"{value!r} {provider.unknown_fields!r}"
    assert CANARY not in shown and INSTANCE_CANARY not in shown
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in str(getattr(value, "detail", "")))
    assert len(getattr(value, "detail", "")) <= 300
    shown.encode()
    return value


def said(response: httpx.Response) -> Any:
    """The body if it is JSON by type and text, else None."""
    if not response.headers["content-type"].startswith("application/json"):
        return None
    try:
        return json.loads(response.content)
    except ValueError:
        return None


@given(replies(CREATED, NO_SUCH_ASK))
def test_created_only_with_an_id_refused_only_by_a_known_word(response: httpx.Response):
    value = answer_of(response, "create")
    assert isinstance(value, (Created, RejectedCreate, UnknownOutcome))
    if isinstance(value, Created):
        assert f'"new_contract": {value.instance_id}' in json.dumps(said(response)).replace(': "', ": ").replace(
            ": [", ": ").replace(': {"id": ', ": ")  # fmt: skip
    if isinstance(value, RejectedCreate):
        body = said(response)
        assert response.status_code == 429 or (isinstance(body, dict) and body.get("success") is not True)
        assert response.status_code in range(400, 500) or response.status_code == 200
        assert "new_contract" not in json.dumps(body) or '"new_contract": null' in json.dumps(body)


@given(replies({"instances": ROW}, {"instances": None}, {"success": False, "error": "no_such_instance", "msg": "gone"}))
def test_not_found_only_when_the_reply_says_exactly_that(response: httpx.Response):
    value = answer_of(response, "get")
    assert isinstance(value, (InstanceFound, InstanceNotFound, ReadFailed))
    body = said(response)
    if isinstance(value, InstanceFound):
        assert response.status_code == 200 and str(body["instances"]["id"]) == ID == value.instance.instance_id
    if isinstance(value, InstanceNotFound):
        assert isinstance(body, dict)
        null = response.status_code == 200 and "instances" in body and body["instances"] is None
        assert null or (response.status_code == 404 and body.get("error") == "no_such_instance")


@given(replies(LIST, {**LIST, "instances": [], "total_instances": 0}))
@example(httpx.Response(200, json={**LIST, "instances": []}, headers={"Date": DATE}))
def test_a_list_is_complete_only_if_its_rows_and_its_total_agree(response: httpx.Response):
    value = answer_of(response, "list")
    assert isinstance(value, (InstanceList, ReadFailed))
    body = said(response)
    if isinstance(value, InstanceList) and value.complete:
        assert response.status_code == 200
        assert len(body["instances"]) == body["total_instances"] == len(value.instances)
        assert {str(row["id"]) for row in body["instances"]} == {i.instance_id for i in value.instances}
        assert all("label" in row or "extra_env" in row for row in body["instances"])


@given(replies({"success": True}, {"success": False, "error": "no_such_instance", "msg": "gone"}))
def test_a_destroy_is_acknowledged_only_by_success(response: httpx.Response):
    value = answer_of(response, "destroy")
    assert isinstance(value, Destroyed)
    if value.outcome is DestroyOutcome.ACKNOWLEDGED:
        assert response.status_code == 200 and said(response)["success"] is True
    if value.outcome is DestroyOutcome.NOT_FOUND:
        assert response.status_code == 404 and said(response)["error"] in ("no_such_instance", "not_found")


@given(replies({"offers": [OFFER, OFFER]}))
def test_a_search_never_invents_an_offer(response: httpx.Response):
    value = answer_of(response, "search")
    assert isinstance(value, (OfferList, ReadFailed))
    for offer in value.offers if isinstance(value, OfferList) else ():
        assert offer.offer_id in response.text and offer.gpu_rate >= 0


@given(replies({"id": 7001, "credit": 12.34, "balance": 0.0, "api_key": CANARY}))
def test_an_account_never_has_another_id(response: httpx.Response):
    value = answer_of(response, "account")
    assert isinstance(value, (Account, ReadFailed))
    if isinstance(value, Account):
        assert str(said(response)["id"]) == value.account_id


@given(st.text(string.printable + "\x00\x1b\u202e\ud800\u2028", max_size=60).filter(bool))
def test_text_from_outside_has_no_control_characters(text: str):
    body = {**LIST, "instances": [{**ROW, "label": text, "status_msg": text, "gpu_name": text, "actual_status": text}]}
    response = httpx.Response(200, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    value = answer_of(response, "list")
    (row,) = value.instances
    for word in (row.label, row.message, row.gpu, row.provider_status, row.progress):
        assert word is None or word.isprintable() or all(ord(c) >= 32 for c in word)
        assert not set(word or "") & set("\x00\x1b\u202e\u2028\n")
