"""Calls under way: when each began, when it is given up, and whether it can still be withdrawn (S14).

A call may wait for a free thread. Its time limit counts from when it begins; one that has not begun by then is
withdrawn, counts as never made, and is not made when a thread gets to it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpushopper.core.timing.clock_snapshot import us

GRACE_S = 5.0
"""A call may overrun its limit by this before it is given up; its late result is still looked at (S14)."""


class NotSent:
    """The call came to its turn too late and was not made: nothing left this process."""


class CancelledCall:
    """What the thread says that came to a withdrawn call: it was settled before."""


class InFlightCall:
    """One call. The engine's thread makes, withdraws and gives it up; another thread begins it. Boot-clock µs."""

    def __init__(self, limit_s: float, requested_boot: int, known_before: frozenset[str] = frozenset()) -> None:
        self.requested_boot = requested_boot
        self.known_before = known_before
        self.started_boot: int | None = None
        self._span = us(limit_s + GRACE_S)
        self._is_withdrawn = False
        self._lock = threading.Lock()

    @property
    def expires_boot(self) -> int:
        """When it is given up, or withdrawn where it has not begun."""
        begun = self.started_boot
        return (self.requested_boot if begun is None else begun) + self._span

    def begin(self, boot: int) -> bool:
        """Start its time; False when it was withdrawn and must not be made."""
        with self._lock:
            if not self._is_withdrawn:
                self.started_boot = boot
            return not self._is_withdrawn

    def cancel(self) -> bool:
        """Take it back; False when it has begun."""
        with self._lock:
            self._is_withdrawn = self.started_boot is None
            return self._is_withdrawn

    def call(self, work: Callable[[], Any], boot: Callable[[], int]) -> Callable[[], Any]:
        """The work as a thread should do it: it begins, or says that it was withdrawn."""
        return lambda: CompletedCall(self, work()) if self.begin(boot()) else CancelledCall()


@dataclass(frozen=True, slots=True)
class CompletedCall:
    """What a call brought, and which call it was: by then another one may be under way under the same key."""

    call_in_flight: InFlightCall
    value: Any
