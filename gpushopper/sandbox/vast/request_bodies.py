"""Reads what is common to Vast's requests: the API key, the fault call, the labels and ids in a body."""

from __future__ import annotations

from typing import Any

from flask import request

from gpushopper.sandbox.requests.endpoint import Endpoint
from gpushopper.sandbox.requests.wire import RequestFacts


def read_secret() -> str | None:
    """Return the API key of the request: a bearer token, or in the query (vastai.md 1)."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or request.args.get("api_key")


def read_request(name: str, endpoint: Endpoint, body: dict[str, Any]) -> RequestFacts:
    """Return what a request is about: one address starts, stops and labels (vastai.md 6)."""
    call = endpoint.call
    if call == "manage" and "label" in body:
        call = "label"
    elif call == "manage" and body == {"state": "stopped"}:
        call = "stop"
    if call != "create":
        return RequestFacts(call, ids=tuple(str(number) for number in read_ids(body, "instance_ids")))
    env = body.get("env")
    return RequestFacts(call, _text(body.get("label")), _text(env.get("GS_LABEL") if isinstance(env, dict) else None))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def read_ids(body: dict[str, Any], name: str) -> list[int]:
    """Return the instance ids of a bulk request; values that are no ids are skipped."""
    listed = body.get(name)
    return [int(one) for one in listed if str(one).isdecimal()] if isinstance(listed, list) else []


def next_key_id(keys: list[dict[str, object]]) -> int:
    """Return an id that none of these ssh keys has."""
    return 1 + max((int(str(key["id"])) for key in keys), default=500)
