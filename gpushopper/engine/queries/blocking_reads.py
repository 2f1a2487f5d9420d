"""Reads made on a caller's own thread: they wait for their turn, where the engine's thread never would (S6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gpushopper.engine.context import Context
from gpushopper.providers.base import Blind, Endpoint, Provider, Trouble

T = TypeVar("T")


def read_patiently(
    ctx: Context, connection: Provider, endpoint: Endpoint, call: Callable[[], T | Blind], limit_s: float
) -> T | Blind:
    """Call when the endpoint is free, again when the limiter spoke, for at most `limit_s` seconds."""
    end = ctx.clock.monotonic() + limit_s
    while True:
        wait = connection.free_at(endpoint) - ctx.clock.monotonic()
        if wait > 0:
            if ctx.clock.monotonic() + wait > end:
                return Blind(Trouble.THROTTLED, f"{connection.traits.name} lets us ask again in {wait:.0f} s", wait)
            ctx.pause(wait)
        answer = call()
        if not isinstance(answer, Blind) or answer.trouble is not Trouble.THROTTLED:
            return answer
        pause = max(answer.retry_after_s or 0.0, 0.1)
        if ctx.clock.monotonic() + pause > end:
            return answer
        ctx.pause(pause)
