"""Vast's request rate limits: the minimum seconds between two create, destroy, list, search or other calls.

`providers/api/rate_limiter.py` keeps them, each endpoint by itself. All are a little above what Vast documents, because
two requests do not travel equally long (vastai.md 13, 19.7).
"""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.providers.api import RateLimit
from gpushopper.providers.base import Endpoint

GPU_NAMES = "names"
"""The call for the list of GPU names, which has a limit of its own and is no endpoint of the interface."""

RATE_LIMITS: Mapping[str, RateLimit] = {
    Endpoint.SEARCH.value: RateLimit(6.0, max_wait_s=86_400.0),  # the daily quota ends at midnight UTC
    Endpoint.CREATE.value: RateLimit(5.0, backoff_s=12.0),
    Endpoint.DESTROY.value: RateLimit(3.2),
    Endpoint.GET.value: RateLimit(2.2),
    Endpoint.LIST.value: RateLimit(1.1),
    Endpoint.LABEL.value: RateLimit(1.1),
    Endpoint.ACCOUNT.value: RateLimit(1.1),
    Endpoint.KEYS.value: RateLimit(1.1),
    Endpoint.LOGS.value: RateLimit(1.1),
    Endpoint.RESTART.value: RateLimit(1.1),
    Endpoint.CHARGES.value: RateLimit(1.1),
    GPU_NAMES: RateLimit(1.1),
}

DESTROY_INTERVAL_S = max(RATE_LIMITS[each.value].interval_s for each in (Endpoint.DESTROY, Endpoint.GET))
"""How far apart several instances end: each needs a destroy and a read by id, the slower of which counts."""

LONGEST_GAP_S = max(max(each.interval_s, each.backoff_s) for each in RATE_LIMITS.values())
"""Of any endpoint, also after a refused call."""
