"""TensorDock's request rate limits: the least seconds between two calls of one kind, and the calls of the account.

100 a minute for the organisation, which other programs share; an older text says about one a second (tensordock.md 2).
"""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.providers.api import RateLimit
from gpushopper.providers.base import Endpoint

CALLS_PER_MINUTE = 90
"""A little below the limit: requests do not travel equally long."""
RATE_LIMITS: Mapping[str, RateLimit] = {
    # Eight creates at once were answered 401 with a good token (tensordock.md 13).
    Endpoint.CREATE.value: RateLimit(5.0, backoff_s=15.0),
    Endpoint.SEARCH.value: RateLimit(5.0),
    Endpoint.LIST.value: RateLimit(3.0),
    Endpoint.ACCOUNT.value: RateLimit(3.0),
    Endpoint.GET.value: RateLimit(2.0),
    Endpoint.DESTROY.value: RateLimit(1.5),
    Endpoint.LABEL.value: RateLimit(1.5),
    Endpoint.KEYS.value: RateLimit(1.5),
    Endpoint.LOGS.value: RateLimit(1.5),
}

DESTROY_INTERVAL_S = max(RATE_LIMITS[each.value].interval_s for each in (Endpoint.DESTROY, Endpoint.GET))
"""How far apart several instances end: each needs a destroy and a read by id, the slower of which counts."""

LONGEST_GAP_S = max(max(each.interval_s, each.backoff_s) for each in RATE_LIMITS.values())
"""Of any endpoint, also after a refused call."""
