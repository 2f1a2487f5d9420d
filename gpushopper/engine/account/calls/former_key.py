"""What the answer to a call made with a former key means: what it did counts, what it says of the key does not.

Another key may be of another account, so reads are dropped; creates and destroys are recorded, whatever key sent them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper.engine.account.calls.provider_calls import CREATE, DESTROY, PULL
from gpushopper.providers.base import Destroyed, DestroyOutcome, Refusal, RejectedCreate

RECORDED = frozenset({CREATE, DESTROY, PULL})
"""The kinds of calls whose answers are taken over from a former key."""


def without_refusal(value: Any) -> Any:
    """The answer to a create or destroy, without a refusal of the former key: it is tried again with the present one.

    As after a rate limit, a create that was refused made nothing, and its offer was not at fault (S11).
    """
    if isinstance(value, RejectedCreate) and value.why is Refusal.AUTH:
        return replace(value, why=Refusal.THROTTLED)
    if isinstance(value, (tuple, list)):
        return tuple(map(without_refusal, value))
    if isinstance(value, Destroyed) and value.outcome is DestroyOutcome.KEY_REJECTED:
        return replace(value, outcome=DestroyOutcome.UNKNOWN)
    return value
