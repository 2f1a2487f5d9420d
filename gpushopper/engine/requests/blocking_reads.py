"""Blocking reads: call a provider on the request's own thread, waiting for its rate limit and retrying (S6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from gpushopper.engine.context import Context
from gpushopper.providers.base import Endpoint, ErrorKind, Provider, ReadFailed

T = TypeVar("T")


def blocking_read(
    ctx: Context, client: Provider, endpoint: Endpoint, call: Callable[[], T | ReadFailed], limit_s: float
) -> T | ReadFailed:
    """Call once pacing allows it, and again while the provider answers that we are rate limited.

    Waits for at most `limit_s` seconds, then the last failure is returned. Never on the engine's thread. A refusal of
    the key that is only the answer to a burst of calls counts as a rate limit.
    """
    end = ctx.clock.monotonic() + limit_s
    while True:
        wait = client.available_at(endpoint) - ctx.clock.monotonic()
        if wait > 0:
            if ctx.clock.monotonic() + wait > end:
                return ReadFailed(ErrorKind.THROTTLED, f"its rate limit allows the next call in {wait:.0f} s", wait)
            ctx.pause(wait)
        answer = _weighed(ctx, client, endpoint, call())
        if not isinstance(answer, ReadFailed) or answer.error_kind is not ErrorKind.THROTTLED:
            return answer
        pause = max(answer.retry_after_s or 0.0, 0.1)
        if ctx.clock.monotonic() + pause > end:
            return answer
        ctx.pause(pause)


def _weighed(ctx: Context, client: Provider, endpoint: Endpoint, answer: T | ReadFailed) -> T | ReadFailed:
    """The answer, with a refusal of the key as what it counts as; without a daemon each counts as one."""
    found = next(((name, refusals) for name, (own, refusals) in ctx.key_refusals.items() if own is client), None)
    if found is None:
        return answer
    name, refusals = found
    if not isinstance(answer, ReadFailed):
        refusals.answered(endpoint.value)
        return answer
    if answer.error_kind not in (ErrorKind.AUTH, ErrorKind.FORBIDDEN):
        return answer
    is_own_form = answer.error_kind is ErrorKind.AUTH
    policy, now = ctx.policy_of(name), ctx.clock.now()
    is_rejected = refusals.is_rejected(endpoint.value, now, policy, is_own_form=is_own_form)
    return replace(answer, error_kind=ErrorKind.AUTH if is_rejected else ErrorKind.THROTTLED)
