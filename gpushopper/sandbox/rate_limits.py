"""Minimum gaps between two calls of one endpoint by one identity (vastai.md 13)."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpushopper.sandbox.timing import SECOND

FORMS = ("message", "plain", "detail", "success_false", "search_quota")
"""The five bodies of a 429 that were seen or documented."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds between two calls, and how long one must wait after a call that came too early."""

    seconds: float
    penalty: float = 0.0


@dataclass(slots=True)
class RateLimiter:
    """Remembers when each identity may call each endpoint again; `form` and `retry_after` shape the 429."""

    enabled: bool = False
    form: str = "message"
    retry_after: int | None = None
    free_at: dict[tuple[str, str], int] = field(default_factory=dict)

    def admit(self, identity: str, endpoint: str, gap: Gap, now: int) -> bool:
        """Return whether the call may pass, and start the next gap; `now` in UTC microseconds."""
        if not self.enabled:
            return True
        key = (identity, endpoint)
        free_at = self.free_at.get(key, 0)
        if now >= free_at:
            self.free_at[key] = now + round(gap.seconds * SECOND)
            return True
        self.free_at[key] = max(free_at, now + round(gap.penalty * SECOND))
        return False
