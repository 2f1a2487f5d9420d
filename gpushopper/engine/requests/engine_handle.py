"""EngineHandle, the first argument of every command: context, account reconcilers, offers, shared calls, `notify`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import Context
from gpushopper.engine.requests.offer_cache import OfferCache
from gpushopper.engine.shared_calls import SharedCalls


@dataclass(frozen=True, slots=True)
class EngineHandle:
    """The first argument of every command, and of each query that needs more than the database. Thread-safe."""

    ctx: Context
    reconcilers: Mapping[str, AccountReconciler]
    """By provider, in the order of the configuration; only the engine replaces one."""
    offers: OfferCache
    calls: SharedCalls
    """Searches under way, which the next request joins."""
    notify: Callable[[], None]
    """Notifies the engine that rows have changed, so that it steps now."""
