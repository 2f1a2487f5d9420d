"""Blocking reads: call a provider on the request's own thread, waiting for its rate limit and retrying (S6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gpushopper.engine.context import Context
from gpushopper.providers.base import Endpoint, ErrorKind, Provider, ReadFailed

T = TypeVar("T")


def blocking_read(
    ctx: Context, client: Provider, endpoint: Endpoint, call: Callable[[], T | ReadFailed], limit_s: float
) -> T | ReadFailed:
    """Call once pacing allows it, and again while the provider answers that we are rate limited.

    Waits for at most `limit_s` seconds, then the last failure is returned. Never on the engine's thread.
    """
    end = ctx.clock.monotonic() + limit_s
    while True:
        wait = client.available_at(endpoint) - ctx.clock.monotonic()
        if wait > 0:
            if ctx.clock.monotonic() + wait > end:
                return ReadFailed(
                    ErrorKind.THROTTLED, f"{client.traits.name} is rate limited: next call in {wait:.0f} s", wait
                )
            ctx.pause(wait)
        answer = call()
        if not isinstance(answer, ReadFailed) or answer.error_kind is not ErrorKind.THROTTLED:
            return answer
        pause = max(answer.retry_after_s or 0.0, 0.1)
        if ctx.clock.monotonic() + pause > end:
            return answer
        ctx.pause(pause)
