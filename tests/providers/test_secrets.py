"""No key comes out again, however it is echoed, and no control character reaches a terminal (F103, F104, F111)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gpushopper.providers.base import Search
from tests.providers.bodies import CREATED, INSTANCE_CANARY, LIST, OFFER, ROW
from tests.providers.stage import LIMIT_S, answering
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
        provider.search(Search(), LIMIT_S),
        provider.gpu_names(LIMIT_S),
        *provider.destroy(("1",), LIMIT_S),
        *provider.destroy(("1", "2"), LIMIT_S),
    ]
    return [*values, provider.drift]


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 410, 429, 500])
@pytest.mark.parametrize("name", ["msg", "message", "detail", "error", KEY])
def test_an_echo_in_an_error_comes_out_clean(status: int, name: str):
    body = {"success": False, "error": "x", name: ECHO}
    for value in outputs(httpx.Response(status, json=body)):
        assert KEY not in repr(value) and INSTANCE_CANARY not in repr(value)
        detail = getattr(value, "detail", "")
        assert detail.isprintable() or "\ufffd" in detail
        assert not set(detail) & set("\x1b\r\n\x00\u202e") and len(detail) <= 300
    for call in CALLS:
        answer_of(httpx.Response(status, json=body), call)


def test_an_echo_in_a_row_comes_out_clean():
    row = {**ROW, **dict.fromkeys(("label", "status_msg", "gpu_name", "image_uuid", "actual_status"), KEY), KEY: 1}
    offer = {**OFFER, "gpu_name": KEY, "geolocation": KEY}
    body = {**LIST, "instances": [row], "offers": [offer], "gpu_names": [KEY], "id": 5, "api_key": KEY}
    values = outputs(httpx.Response(200, json=body))
    assert any("[secret]" in repr(value) for value in values)
    assert not any(KEY in repr(value) for value in values)


@pytest.mark.parametrize("body", [CREATED, {**CREATED, "new_contract": "x"}, {"instance_api_key": INSTANCE_CANARY}])
def test_the_key_of_an_instance_ends_at_the_edge(body: dict[str, Any]):
    for status in (200, 400, 500):
        answer_of(httpx.Response(status, json=body), "create")


@pytest.mark.parametrize("kind", [httpx.ReadError, httpx.ConnectError, httpx.ReadTimeout, OSError])
def test_an_echo_in_an_exception_comes_out_clean(kind: type[Exception]):
    def fail(request: httpx.Request) -> httpx.Response:
        raise kind(ECHO)

    found = answering(fail, key=KEY).fetch_account(LIMIT_S)
    assert KEY not in repr(found) and "\x1b" not in found.detail  # type: ignore[union-attr]


def test_the_key_travels_in_one_header_only():
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={**LIST, "offers": []})

    provider = answering(handle, key=KEY)
    provider.fetch_instances(LIMIT_S)
    provider.search(Search(), LIMIT_S)
    provider.destroy(("1",), LIMIT_S)
    for request in seen:
        assert KEY not in str(request.url) and KEY.encode() not in request.content
        assert [name for name, value in request.headers.items() if KEY in value] == ["authorization"]
        assert "cookie" not in request.headers
        json.loads(request.content or b"{}")
