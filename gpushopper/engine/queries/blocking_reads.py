"""Reads made on a caller's own thread: they wait for their turn, where the engine's thread never would (S6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gpushopper.engine.context import Context
from gpushopper.providers.base import Endpoint, ErrorKind, Provider, ReadFailed

T = TypeVar("T")


def blocking_read(
    ctx: Context, connection: Provider, endpoint: Endpoint, call: Callable[[], T | ReadFailed], limit_s: float
) -> T | ReadFailed:
    """Call when the endpoint is free, again when the limiter spoke, for at most `limit_s` seconds."""
    end = ctx.clock.monotonic() + limit_s
    while True:
        wait = connection.available_at(endpoint) - ctx.clock.monotonic()
        if wait > 0:
            if ctx.clock.monotonic() + wait > end:
                return ReadFailed(
                    ErrorKind.THROTTLED, f"{connection.traits.name} lets us ask again in {wait:.0f} s", wait
                )
            ctx.pause(wait)
        answer = call()
        if not isinstance(answer, ReadFailed) or answer.error_kind is not ErrorKind.THROTTLED:
            return answer
        pause = max(answer.retry_after_s or 0.0, 0.1)
        if ctx.clock.monotonic() + pause > end:
            return answer
        ctx.pause(pause)
