"""Vast's answers to a create, as vastai.md 4.4 records them, and how they must not be read."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.secret import Secret
from gpushopper.providers.base import (
    Created,
    CreateRequest,
    Refusal,
    RejectedCreate,
    UnknownOutcome,
)
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.vast.parsing.offer_rows import read_offer
from tests.providers.bodies import CREATED, DATE_US, NO_SUCH_ASK, OFFER, reply
from tests.providers.stage import answering

ID = "33402296"


def create_with(
    answer: httpx.Response, seen: list[httpx.Request] | None = None, login: ImageLogin | None = None
) -> Any:
    offer = read_offer(OFFER, 20.0, 0, UnknownFields())
    assert offer is not None
    request = CreateRequest(offer, "gs1-x", "ubuntu:22.04", 40.0, {"GS_LABEL": "gs1-x", "A": "b"}, "echo hi", login)

    def handle(http: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(http)
        return answer

    return answering(handle).create(request, 60.0)


def test_a_create_sends_what_the_official_client_sends():
    seen: list[httpx.Request] = []
    assert create_with(reply(CREATED), seen) == Created(ID, True, DATE_US)
    (request,) = seen
    assert (request.method, request.url.path) == ("PUT", "/api/v0/asks/29817342/")
    assert request.headers["authorization"] == "Bearer " + "k" * 64
    assert request.headers["content-type"] == "application/json"
    assert 59 < request.extensions["total_limit"] <= 60
    assert json.loads(request.content) == {
        "client_id": "me", "image": "ubuntu:22.04", "disk": 40.0, "label": "gs1-x", "onstart": "echo hi",
        "env": {"GS_LABEL": "gs1-x", "A": "b"}, "runtype": "ssh_direc ssh_proxy", "cancel_unavail": True,
    }  # fmt: skip


def test_a_registry_login_is_sent_as_docker_options_and_only_on_request():
    seen: list[httpx.Request] = []
    login = ImageLogin("ghcr.io", "alice", Secret("t0ken-abcdef"))
    assert create_with(reply(CREATED), seen, login) == Created(ID, True, DATE_US)
    create_with(reply(CREATED), seen)
    with_login, without = (json.loads(request.content) for request in seen)
    assert with_login.pop("image_login") == "-u alice -p t0ken-abcdef ghcr.io"
    assert with_login == without


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"success": True, "new_contract": "33402296"}, 200, Created(ID, True, DATE_US)),
        ({"new_contract": 33402296}, 200, Created(ID, False, DATE_US)),
        ({"success": False, "error": "no_such_ask", "new_contract": 33402296}, 400, Created(ID, False, DATE_US)),
        ({"success": True, "result": {"new_contract": 33402296}}, 200, Created(ID, True, DATE_US)),
        ({"success": True, "new_contract": {"id": 33402296}}, 200, Created(ID, True, DATE_US)),
        ([{"new_contract": 33402296}], 200, Created(ID, False, DATE_US)),
        ({"error": "oops", "new_contract": 33402296}, 500, Created(ID, False, DATE_US)),
    ],
)
def test_an_id_decides_before_every_flag(body: Any, status: int, expected: Created):
    assert create_with(reply(body, status)) == expected


@pytest.mark.parametrize(
    "value", ["../1", "1?a=b", "", True, 0, -5, 1.5, 3.3e7, "12x", "1" * 30, [], [1, 2], {}, "\u0661"]
)
@pytest.mark.parametrize("flags", [{"success": True}, NO_SUCH_ASK])
def test_an_invalid_id_makes_the_outcome_unknown(value: Any, flags: dict[str, Any]):
    assert isinstance(create_with(reply({**flags, "new_contract": value}, 400)), UnknownOutcome)


def test_two_different_ids_make_the_outcome_unknown():
    assert isinstance(create_with(reply([{"new_contract": 1}, {"new_contract": 2}])), UnknownOutcome)


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (NO_SUCH_ASK, 400, Refusal.OFFER_GONE),
        (NO_SUCH_ASK, 404, Refusal.OFFER_GONE),
        ({**NO_SUCH_ASK, "new_contract": None}, 400, Refusal.OFFER_GONE),
        (NO_SUCH_ASK, 200, Refusal.OFFER_GONE),
        ({"success": False, "error": "insufficient_credit", "msg": "x"}, 400, Refusal.NO_CREDIT),
        ({"success": False, "error": "auth_error", "msg": "Invalid user key"}, 404, Refusal.AUTH),
        ({"success": False, "error": "auth_error", "msg": "This action requires login."}, 403, Refusal.AUTH),
        ({"msg": "Two Factor Authentication required"}, 401, Refusal.AUTH),
    ],
)
def test_definite_refusals(body: Any, status: int, why: Refusal):
    answer = create_with(reply(body, status))
    assert isinstance(answer, RejectedCreate) and answer.why is why
    assert answer.date == (None if why is Refusal.AUTH else DATE_US)


@pytest.mark.parametrize(
    "answer",
    [
        reply(NO_SUCH_ASK, 500),
        reply(NO_SUCH_ASK, 302),
        reply({**NO_SUCH_ASK, "success": True}, 400),
        reply({**NO_SUCH_ASK, "success": True}, 200),
        reply({"msg": "no_such_ask"}, 200),
        reply({"success": False}, 200),
        reply({"success": True}, 200),
        reply({"success": True, "new_contract": None}, 200),
        reply({}, 200),
        reply([], 200),
        reply(None, 200),
        reply({"success": False, "error": "not_found", "msg": "Not Found."}, 404),
        reply({"success": False, "error": "deprecated_endpoint"}, 410),
        httpx.Response(200, content=b'{"success":true,"new_contract":33402296}', headers={"content-type": "text/html"}),
        httpx.Response(400, text="no_such_ask"),
        httpx.Response(429, text="slow down"),
        httpx.Response(401, text="proxy login"),
        httpx.Response(200, content=b""),
        httpx.Response(204),
        httpx.Response(200, content=b'{"new_contract": 33402296', headers={"content-type": "application/json"}),
        httpx.Response(200, content=b"[" * 100_000, headers={"content-type": "application/json"}),
        httpx.Response(200, content=b"1" * 5000, headers={"content-type": "application/json"}),
        httpx.Response(200, content=b'{"a":"\xff"}', headers={"content-type": "application/json"}),
    ],
    ids=range(23),
)
def test_any_other_reply_has_an_unknown_outcome(answer: httpx.Response):
    assert isinstance(create_with(answer), UnknownOutcome)
