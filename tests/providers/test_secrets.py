"""Redaction: no key in a reply leaves the adapter, no control character reaches a terminal (F103, F104, F111)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gpushopper.core.cloud import KEY_PATTERN
from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.secret import Secret
from gpushopper.log import Redactor
from gpushopper.providers.api import ApiClient, bearer
from gpushopper.providers.base import CreateRequest, InstanceList, OfferQuery, UnknownOutcome
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.vast.parsing.offer_rows import read_offer
from tests.providers.bodies import CREATED, INSTANCE_CANARY, LIST, OFFER, ROW
from tests.providers.stage import LIMIT_S, StageClock, answering, connect_to
from tests.providers.test_fuzz import answer_of

KEY = "vast-Zyxwvutsrqponmlkjihgfedcba-9876543210"
"""Not hexadecimal: nothing but the exact comparison finds it."""
CALLS = ("create", "list", "get", "destroy", "search", "account")
ECHO = f"\x1b[31mkey {KEY}\r\n\x00 of {INSTANCE_CANARY} \u202e is wrong " + "long " * 200


def outputs(response: httpx.Response) -> list[Any]:
    provider = answering(lambda request: response, key=KEY)
    values: list[Any] = [
        provider.fetch_account(LIMIT_S),
        provider.fetch_instances(LIMIT_S),
        provider.fetch_instance("33402296", LIMIT_S),
        provider.search(OfferQuery(), LIMIT_S),
        provider.gpu_names(LIMIT_S),
        *provider.destroy(("1",), LIMIT_S),
        *provider.destroy(("1", "2"), LIMIT_S),
    ]
    return [*values, provider.unknown_fields]


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 410, 429, 500])
@pytest.mark.parametrize("name", ["msg", "message", "detail", "error", KEY])
def test_a_key_in_an_error_is_redacted(status: int, name: str):
    body = {"success": False, "error": "x", name: ECHO}
    for value in outputs(httpx.Response(status, json=body)):
        assert KEY not in repr(value) and INSTANCE_CANARY not in repr(value)
        detail = getattr(value, "detail", "")
        assert detail.isprintable() or "\ufffd" in detail
        assert not set(detail) & set("\x1b\r\n\x00\u202e") and len(detail) <= 300
    for call in CALLS:
        answer_of(httpx.Response(status, json=body), call)


def test_a_key_in_a_row_is_redacted():
    row = {**ROW, **dict.fromkeys(("label", "status_msg", "gpu_name", "image_uuid", "actual_status"), KEY), KEY: 1}
    offer = {**OFFER, "gpu_name": KEY, "geolocation": KEY}
    body = {**LIST, "instances": [row], "offers": [offer], "gpu_names": [KEY], "id": 5, "api_key": KEY}
    values = outputs(httpx.Response(200, json=body))
    assert any("[secret]" in repr(value) for value in values)
    assert not any(KEY in repr(value) for value in values)


@pytest.mark.parametrize("body", [CREATED, {**CREATED, "new_contract": "x"}, {"instance_api_key": INSTANCE_CANARY}])
def test_the_key_of_an_instance_is_dropped_by_the_adapter(body: dict[str, Any]):
    for status in (200, 400, 500):
        answer_of(httpx.Response(status, json=body), "create")


@pytest.mark.parametrize("kind", [httpx.ReadError, httpx.ConnectError, httpx.ReadTimeout, OSError])
def test_a_key_in_an_exception_is_redacted(kind: type[Exception]):
    def fail(request: httpx.Request) -> httpx.Response:
        raise kind(ECHO)

    found = answering(fail, key=KEY).fetch_account(LIMIT_S)
    assert KEY not in repr(found) and "\x1b" not in found.detail  # type: ignore[union-attr]


LOGIN = ImageLogin("ghcr.io", "alice", Secret("a1/b2+c3=d4"))


@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize("kind", ["json", "escaped", "plain"])
@pytest.mark.parametrize("echo", LOGIN.redactions())
def test_a_registry_password_in_an_error_is_redacted(status: int, kind: str, echo: str):
    """In the answer to the create that carried it, and in whatever is heard after that."""
    text = json.dumps({"success": False, "error": "x", "msg": f"-p {echo}!", "instances": [{**ROW, "label": echo}]})
    text = text.replace("/", "\\/") if kind == "escaped" else text
    content = "text/plain" if kind == "plain" else "application/json"
    answer = httpx.Response(status, text=text, headers={"content-type": content})
    provider = answering(lambda request: answer, key=KEY)
    offer = read_offer(OFFER, 20.0, 0, UnknownFields())
    assert offer is not None
    request = CreateRequest(offer, "gs1-x", "ghcr.io/me/x", 40.0, {}, "", LOGIN)
    found: list[Any] = [provider.create(request, LIMIT_S), provider.fetch_instances(LIMIT_S), provider.unknown_fields]
    assert all(form not in repr(value) for value in found for form in LOGIN.redactions())


@pytest.mark.parametrize("echo", LOGIN.redactions())
def test_a_registry_password_in_a_row_is_redacted(echo: str):
    row = {**ROW, **dict.fromkeys(("label", "status_msg", "gpu_name", "image_uuid", "actual_status"), f"x{echo}")}
    provider = answering(lambda request: httpx.Response(200, json={**LIST, "instances": [row]}), key=KEY)
    offer = read_offer(OFFER, 20.0, 0, UnknownFields())
    assert offer is not None
    provider.create(CreateRequest(offer, "gs1-x", "ghcr.io/me/x", 40.0, {}, "", LOGIN), LIMIT_S)
    found = provider.fetch_instances(LIMIT_S)
    assert isinstance(found, InstanceList) and found.instances[0].label == "x[secret]"
    assert all(form not in repr(value) for value in (found, provider.unknown_fields) for form in LOGIN.redactions())


def test_a_registry_password_in_an_exception_of_a_create_is_redacted():
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"sent {request.content!r}")

    offer = read_offer(OFFER, 20.0, 0, UnknownFields())
    assert offer is not None
    found = answering(fail, key=KEY).create(CreateRequest(offer, "l", "i", 40.0, {}, "", LOGIN), LIMIT_S)
    assert isinstance(found, UnknownOutcome) and "[secret]" in found.detail and "a1/b2" not in repr(found)


def test_a_password_that_equals_a_field_name_changes_no_field():
    """What is hidden is values: names and numbers stay, or a list would become unreadable."""
    word = ImageLogin("ghcr.io", "alice", Secret("instances"))
    number = ImageLogin("ghcr.io", "alice", Secret("33402296"))
    clock = StageClock()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=LIST))
    provider = connect_to("vast", transport, KEY, clock)
    before = provider.fetch_instances(LIMIT_S)
    offer = read_offer(OFFER, 20.0, 0, UnknownFields())
    assert offer is not None
    for login in (word, number):
        clock.wait(60)
        provider.create(CreateRequest(offer, "l", "i", 40.0, {}, "", login), LIMIT_S)
    assert provider.fetch_instances(LIMIT_S) == before


def test_no_nesting_is_too_deep_for_redaction():
    deep: Any = "a1/b2+c3=d4"
    for _ in range(600):
        deep = [deep]
    provider = answering(lambda request: httpx.Response(400, json={"msg": "x", "deep": deep}), key=KEY)
    offer = read_offer(OFFER, 20.0, 0, UnknownFields())
    assert offer is not None
    assert isinstance(provider.create(CreateRequest(offer, "l", "i", 40.0, {}, "", LOGIN), LIMIT_S), UnknownOutcome)


def test_the_key_is_sent_in_one_header_only():
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={**LIST, "offers": []})

    provider = answering(handle, key=KEY)
    provider.fetch_instances(LIMIT_S)
    provider.search(OfferQuery(), LIMIT_S)
    provider.destroy(("1",), LIMIT_S)
    for request in seen:
        assert KEY not in str(request.url) and KEY.encode() not in request.content
        assert [name for name, value in request.headers.items() if KEY in value] == ["authorization"]
        assert "cookie" not in request.headers
        json.loads(request.content or b"{}")


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


def test_what_looks_like_a_key_is_the_clouds_own():
    """A key that we do not know, such as another instance's, is found by its form alone (F104)."""
    clock = StageClock()

    def line(key_pattern: str, text: str) -> str:
        transport = httpx.MockTransport(lambda request: httpx.Response(200))
        return ApiClient("http://h", bearer("q" * 20), {}, clock, transport, key_pattern=key_pattern).redact_line(text)

    assert line(r"\brpa_[A-Z0-9]{8,}\b", f"key rpa_ABCDEFGH12 and {'a' * 40}") == f"key [secret] and {'a' * 40}"
    assert line(KEY_PATTERN, f"key {'a' * 40} {JWT} of host.example.com") == "key [secret] [secret] of host.example.com"


def test_the_log_redacts_what_looks_like_a_clouds_key():
    redactor = Redactor()
    assert "rpa_ABCDEFGH12" in redactor.redact("x rpa_ABCDEFGH12")
    redactor.add_pattern(r"\brpa_[A-Z0-9]{8,}\b")
    assert redactor.redact("x rpa_ABCDEFGH12") == "x ***"
