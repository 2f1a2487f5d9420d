"""Calls of an adapter for TensorDock that gets hand-written replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from gpushopper.core.model.offer import Offer
from gpushopper.core.secret import Credential
from gpushopper.providers.base import CreateRequest, OfferList, OfferQuery
from gpushopper.providers.tensordock import TensorDock, connect
from tests.providers.bodies import reply
from tests.providers.bodies_tensordock import KEY, LABEL, LOCATIONS, TOKEN
from tests.providers.stage import StageClock

ENDPOINT = "http://127.0.0.1:9/api/v2"


def answering(handler: Callable[[httpx.Request], httpx.Response], token: str = TOKEN) -> TensorDock:
    """An adapter whose requests the handler answers; time stands still but for its pauses."""
    clock = StageClock()
    credential = Credential.of([("api_token", token)])
    return connect(ENDPOINT, credential, clock.monotonic, httpx.MockTransport(handler), clock.wait)


def always(answer: httpx.Response, sent: list[httpx.Request] | None = None) -> TensorDock:
    """An adapter that gets one reply to everything; its requests are kept in `sent`."""

    def handle(request: httpx.Request) -> httpx.Response:
        if sent is not None:
            sent.append(request)
        return answer

    return answering(handle)


def search(body: Any, **query: Any) -> Any:
    return always(reply(body)).search(OfferQuery(**query), 30.0)


def offer(**changes: Any) -> Offer:
    """The offer of one GPU of the example (tensordock.md 4)."""
    found = search(LOCATIONS)
    assert isinstance(found, OfferList)
    return replace(found.offers[0], **changes)


def request(**changes: Any) -> CreateRequest:
    plain: dict[str, Any] = {
        "offer": offer(), "label": LABEL, "image": "ubuntu2404", "disk_gb": 20.0, "environment": {"GS_LABEL": LABEL},
        "public_key": f"{KEY} someone@here",
    }  # fmt: skip
    return CreateRequest(**plain | changes)
