"""Connect an account at Vast: check the endpoint's address and the form of the API key, then build the adapter."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from gpushopper.core.secret import Credential
from gpushopper.errors import Misconfigured
from gpushopper.providers.api import ApiClient, bearer
from gpushopper.providers.base import Endpoint
from gpushopper.providers.kit import check_endpoint
from gpushopper.providers.vast.adapter import Vast
from gpushopper.providers.vast.guard_recipe import self_destroy_recipe
from gpushopper.providers.vast.rate_limits import RATE_LIMITS
from gpushopper.providers.vast.traits import TRAITS


def connect(
    endpoint: str,
    credential: Credential,
    monotonic: Callable[[], float],
    transport: httpx.BaseTransport | None = None,
    wait: Callable[[float], object] | None = None,
) -> Vast:
    """An account at Vast. Sends nothing yet.

    `monotonic` gives awake seconds. A `transport` that is passed in gets `request.extensions["total_limit"]`, seconds.
    `wait` pauses between the requests of one read (pages, bands, a retry); by default `close` ends the pause.

    Raises:
        Misconfigured: the endpoint is not an address, would send the key unencrypted, or the key is malformed.
    """
    check_endpoint(endpoint, "Vast", "https://HOST", own_transport=transport is None)
    key = credential.reveal("api_key").strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise Misconfigured("the Vast key is empty or has characters no key has", "gpu-shopper keys set vast")
    urgent = frozenset({Endpoint.DESTROY.value})
    pace, pattern = TRAITS.pace, TRAITS.key_pattern
    api = ApiClient(endpoint, bearer(key), RATE_LIMITS, monotonic, transport, wait, urgent, pace, pattern)
    return Vast(api, self_destroy_recipe(endpoint))
