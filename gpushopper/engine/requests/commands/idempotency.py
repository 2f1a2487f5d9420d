"""Idempotency: a request with a key is performed once; a repetition gets the stored response (S20, I22)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import UsageError
from gpushopper.store import idempotency

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The key of a request that may be repeated, with what distinguishes a repetition from another request."""

    key: str
    method: str
    path: str
    digest: str
    """Of the request's body."""


def stored_response(ctx: Context, key: IdempotencyKey | None, cls: type[T]) -> T | None:
    """The response to an earlier request with this key; None where there is none.

    Raises:
        UsageError: the key was used for a different request.
    """
    found = None if key is None else idempotency.load_response(ctx.store, key.key)
    if key is None or found is None:
        return None
    if (found.method, found.path, found.request_digest) != (key.method, key.path, key.digest):
        raise UsageError("this idempotency key was used for something else", code="idempotency_mismatch")
    return wire.from_json(cls, json.loads(found.response_body))


def perform_once(
    ctx: Context, now: ClockSnapshot, key: IdempotencyKey | None, cls: type[T], effect: Callable[[Transaction], T]
) -> T:
    """Run `effect` and store its response in one transaction, unless this key has a stored response already.

    Raises:
        UsageError: the key was used for a different request; and whatever `effect` raises: nothing was written.
    """
    with ctx.store.transaction():
        former = stored_response(ctx, key, cls)
        if former is not None:
            return former
        response = effect(Transaction(ctx, now))
        if key is not None:
            idempotency.save_response(
                ctx.store,
                key.key,
                at=now.wall,
                method=key.method,
                path=key.path,
                request_digest=key.digest,
                response_status=202,
                response_body=json.dumps(asdict(response)),  # type: ignore[call-overload]
            )
        return response
