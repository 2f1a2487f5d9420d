"""Starts an account's calls: one per key at a time, none before the provider's rate limit allows it; tracks them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from gpushopper.clock import Clock
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import InFlightCall
from gpushopper.engine.executor import ATTACH, DESTROY, HEARTBEAT, OUTPUTS, PULL, Executor
from gpushopper.engine.metrics.call_observer import ObserveCall, observed, unobserved
from gpushopper.providers.base import Endpoint, Provider

ACCOUNT, LIST, GET, CREATE, LABEL, MARK = "account", "list", "get", "create", "label", "mark"
LEFTOVERS, TIMER, CHARGES = "leftovers", "timer", "charges"
"""Kinds of calls, beside those that the executor knows. All but heartbeats are named as their endpoint."""

CallKey = tuple[Any, ...]
"""Provider, kind, and what the call is about: an attempt's id, an instance's id, or a tuple of attempt ids."""

START_GRACE_S = 2.5
"""A call that has begun has taken its slot in the rate limit after this time; until then a second may be too early."""
_START_GRACE_US = us(START_GRACE_S)

__all__ = [
    "ACCOUNT", "ATTACH", "CHARGES", "CREATE", "DESTROY", "GET", "HEARTBEAT", "LABEL", "LEFTOVERS", "LIST", "MARK",
    "OUTPUTS", "PULL", "TIMER", "CallKey", "ProviderCalls",
]  # fmt: skip


class ProviderCalls:
    """The calls of one account, started and settled on the engine's thread; only the calls themselves run elsewhere."""

    def __init__(
        self,
        name: str,
        client: Provider | None,
        clock: Clock,
        executor: Executor,
        observe: ObserveCall = unobserved,
    ) -> None:
        self.name = name
        self.client = client
        self.clock = clock
        self.executor = executor
        self.observe = observe
        self.in_flight: dict[CallKey, InFlightCall] = {}

    # ---- when a call may start

    def free_boot(self, endpoint: Endpoint, now: ClockSnapshot) -> int:
        """When the endpoint may be called next, in µs of the boot clock (S6)."""
        if self.client is None:
            return now.boot
        wait = self.client.available_at(endpoint) - self.clock.monotonic()
        return max(now.boot + us(wait), self._slots_taken_boot(endpoint, now), now.boot)

    def is_free(self, endpoint: Endpoint, now: ClockSnapshot) -> bool:
        """Whether a call to the endpoint may start now."""
        return self.client is not None and self.free_boot(endpoint, now) <= now.boot

    def _slots_taken_boot(self, endpoint: Endpoint, now: ClockSnapshot) -> int:
        """When every call to the endpoint that is in flight has surely taken its slot in the rate limit.

        A call that still waits for a thread has not: no second one is queued behind it.
        """
        kind = endpoint.value
        begun = [
            now.boot if call.started_boot is None else call.started_boot
            for key, call in self.in_flight.items()
            if key[1] == kind
        ]
        return max(begun) + _START_GRACE_US if begun else 0

    # ---- starting one

    def submit(
        self,
        key: CallKey,
        work: Callable[[], Any],
        limit_s: float,
        now: ClockSnapshot,
        open_at_request: frozenset[str] = frozenset(),
    ) -> None:
        """Start a call. `key` is its kind and what it is about; `limit_s` is the time limit that it keeps itself."""
        full = (self.name, *key)
        call = self.in_flight[full] = InFlightCall(limit_s, now.boot, open_at_request, self.client)
        noted = partial(observed, self.observe, self.clock.monotonic, self.name, key[0], work)
        self.executor.submit(full, call.call(noted, lambda: self.clock.now().boot), limit_s)

    # ---- which are in flight

    def is_in_flight(self, *key: Any) -> bool:
        """Whether the call with this kind and subject has no answer yet."""
        return (self.name, *key) in self.in_flight

    def of_kind(self, *kinds: str) -> list[InFlightCall]:
        """The calls of these kinds that have no answer yet."""
        return [call for key, call in self.in_flight.items() if key[1] in kinds]

    def subjects(self, kind: str) -> set[Any]:
        """What the calls of one kind in flight are about: ids of attempts or instances."""
        return {key[2] for key in self.in_flight if key[1] == kind}

    def expirations(self) -> list[int]:
        """When each call in flight is given up, in µs of the boot clock."""
        return [call.expires_boot for call in self.in_flight.values()]

    def take_over(self, former: ProviderCalls, kinds: Collection[str]) -> list[CallKey]:
        """Expect the answers to these kinds of calls, which another object started; their keys."""
        kept = {key: call for key, call in former.in_flight.items() if key[1] in kinds}
        self.in_flight |= kept
        return list(kept)
