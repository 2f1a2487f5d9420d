"""One call in flight: its time limit counts from its start; not started by then, it is cancelled and never made (S14).

A call may wait for a free thread. One that has not begun within its limit is cancelled: it counts as not sent, and a
thread that comes to it later does not make it. One that has begun and overruns its limit is given up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpushopper.core.timing.clock_snapshot import us

GRACE_S = 5.0
"""How much a call may overrun its limit before it is given up (S14)."""


class NotSent:
    """The result of a call that was cancelled before it began: nothing left this process."""


class CancelledCall:
    """What a thread returns that comes to a cancelled call, whose result was recorded when it was cancelled."""


class InFlightCall:
    """One call. The engine's thread starts, cancels and gives it up; another thread begins it.

    `*_boot`: µs of the boot clock. `open_at_request`: for a list, the attempts that were open when it was requested.
    `client` is the one it is made with: its answer says nothing of another key.
    """

    def __init__(
        self,
        limit_s: float,
        requested_boot: int,
        open_at_request: frozenset[str] = frozenset(),
        client: object = None,
    ) -> None:
        self.client = client
        self.requested_boot = requested_boot
        self.open_at_request = open_at_request
        self.started_boot: int | None = None
        self._span = us(limit_s + GRACE_S)
        self._is_cancelled = False
        self._lock = threading.Lock()

    @property
    def expires_boot(self) -> int:
        """When it is given up, or cancelled where it has not begun."""
        begun = self.started_boot
        return (self.requested_boot if begun is None else begun) + self._span

    def begin(self, boot: int) -> bool:
        """Start its time limit; False when it was cancelled and must not be made."""
        with self._lock:
            if not self._is_cancelled:
                self.started_boot = boot
            return not self._is_cancelled

    def cancel(self) -> bool:
        """Keep it from being made; False when it has begun."""
        with self._lock:
            self._is_cancelled = self.started_boot is None
            return self._is_cancelled

    def call(self, work: Callable[[], Any], boot: Callable[[], int]) -> Callable[[], CompletedCall | CancelledCall]:
        """What a thread should run: the work, or nothing where the call was cancelled meanwhile."""

        def run() -> CompletedCall | CancelledCall:
            if not self.begin(boot()):
                return CancelledCall()
            try:
                return CompletedCall(self, work())
            except Exception as error:  # noqa: BLE001 - a bug of ours or of an adapter; the reconciler reports it
                return CompletedCall(self, None, error)

        return run


@dataclass(frozen=True, slots=True)
class CompletedCall:
    """A result and the call that brought it: another call with the same key may be in flight by then.

    `error` is set only by a bug: adapters return their failures as values (D17).
    """

    call: InFlightCall
    value: Any
    error: Exception | None = None
