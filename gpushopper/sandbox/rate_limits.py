"""Rate limits of the simulated clouds: a minimum gap between two calls of one endpoint by one caller.

The gaps of each endpoint stand in its dialect; the 429 is sent in `requests/middleware.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gpushopper.sandbox.timing import SECOND

FORMS = ("message", "plain", "detail", "success_false", "search_quota")
"""The forms of a 429 body that clouds send or document; a dialect answers in those that its cloud has."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The minimum seconds between two calls, and the wait after a call that came too early (`penalty`)."""

    seconds: float
    penalty: float = 0.0


@dataclass(slots=True)
class RateLimiter:
    """When each caller may call each endpoint again; `form` and `retry_after` (seconds) shape the 429."""

    enabled: bool = False
    form: str = "message"
    retry_after: int | None = None
    free_at: dict[tuple[str, str], int] = field(default_factory=dict)

    def admit(self, identity: str, endpoint: str, gap: Gap, now: int) -> bool:
        """Return whether the call is allowed, and start the next gap; `now` in UTC microseconds."""
        if not self.enabled:
            return True
        key = (identity, endpoint)
        free_at = self.free_at.get(key, 0)
        if now >= free_at:
            self.free_at[key] = now + round(gap.seconds * SECOND)
            return True
        self.free_at[key] = max(free_at, now + round(gap.penalty * SECOND))
        return False
