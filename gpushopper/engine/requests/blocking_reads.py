"""Blocking reads: call a provider on the request's own thread, waiting for its rate limit and retrying (S6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from gpushopper.engine.context import Context
from gpushopper.engine.metrics.call_observer import observed
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
        answer = _weighed(ctx, client, endpoint, _observed(ctx, client, endpoint, call))
        if not isinstance(answer, ReadFailed) or answer.error_kind is not ErrorKind.THROTTLED:
            return answer
        pause = max(answer.retry_after_s or 0.0, 0.1)
        if ctx.clock.monotonic() + pause > end:
            return answer
        ctx.pause(pause)


def _observed(ctx: Context, client: Provider, endpoint: Endpoint, call: Callable[[], T | ReadFailed]) -> T | ReadFailed:
    """Make the call, noted as of the account that has this client; without a daemon, of the cloud."""
    account = _account_of(ctx, client) or client.traits.name
    return observed(ctx.observe_call, ctx.clock.monotonic, account, endpoint.value, call)


def _account_of(ctx: Context, client: Provider) -> str | None:
    return next((name for name, (own, _) in list(ctx.key_refusals.items()) if own is client), None)


def _weighed(ctx: Context, client: Provider, endpoint: Endpoint, answer: T | ReadFailed) -> T | ReadFailed:
    """The answer, with a refusal of the key as what it counts as; without a daemon each counts as one."""
    name = _account_of(ctx, client)
    if name is None:
        return answer
    _, refusals = ctx.key_refusals[name]
    if not isinstance(answer, ReadFailed):
        refusals.answered(endpoint.value)
        return answer
    if answer.error_kind not in (ErrorKind.AUTH, ErrorKind.FORBIDDEN):
        return answer
    is_own_form = answer.error_kind is ErrorKind.AUTH
    policy, now = ctx.policy_of(name), ctx.clock.now()
    is_rejected = refusals.is_rejected(endpoint.value, now, policy, is_own_form=is_own_form)
    return replace(answer, error_kind=ErrorKind.AUTH if is_rejected else ErrorKind.THROTTLED)
