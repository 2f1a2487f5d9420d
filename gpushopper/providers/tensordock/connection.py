"""Connect an account at TensorDock: check the endpoint's address and the form of the token, then build the adapter."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx

from gpushopper.core.secret import Credential
from gpushopper.errors import Misconfigured
from gpushopper.providers.api import ApiClient, bearer
from gpushopper.providers.base import Endpoint
from gpushopper.providers.kit import check_endpoint
from gpushopper.providers.tensordock.adapter import TensorDock
from gpushopper.providers.tensordock.rate_limits import RATE_LIMITS
from gpushopper.providers.tensordock.traits import TRAITS

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HINT = "gpu-shopper keys set tensordock"


def connect(
    endpoint: str,
    credential: Credential,
    monotonic: Callable[[], float],
    transport: httpx.BaseTransport | None = None,
    wait: Callable[[float], object] | None = None,
) -> TensorDock:
    """An account at TensorDock. Sends nothing yet.

    `monotonic` gives awake seconds. A `transport` that is passed in gets `request.extensions["total_limit"]`, seconds.
    `wait` pauses before the retry of a read; by default `close` ends the pause.

    Raises:
        Misconfigured: the endpoint is not an address, would send the token unencrypted, or the token is malformed.
    """
    check_endpoint(endpoint, "TensorDock", "https://HOST/api/v2", own_transport=transport is None)
    token = credential.reveal("api_token").strip()
    if _UUID.fullmatch(token):
        # Of the pair that TensorDock hands out only the token is sent (tensordock.md 2).
        text = "that is TensorDock's Authorization ID: what is needed is the API token beside it"
        raise Misconfigured(text, _HINT)
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Misconfigured("the TensorDock token is empty or has characters no token has", _HINT)
    urgent = frozenset({Endpoint.DESTROY.value})
    pace, pattern = TRAITS.pace, TRAITS.key_pattern
    api = ApiClient(endpoint, bearer(token), RATE_LIMITS, monotonic, transport, wait, urgent, pace, pattern)
    return TensorDock(api)
