"""Answers already given, by idempotency key: a repeated request gets the same one and has no second effect (S20)."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import RequestRow

KEPT_US = 7 * 24 * HOUR
"""How long an answer is remembered."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was asked under a key, and what was answered. `body` is the answer's text."""

    method: str
    path: str
    body_digest: str
    status: int
    body: str


def recall(store: Store, key: str) -> Remembered | None:
    """The answer given under a key."""
    query = RequestRow.select(
        RequestRow.method, RequestRow.path, RequestRow.body_digest, RequestRow.status, RequestRow.body
    )
    found = store.rows(query.where(RequestRow.key == key))
    return Remembered(*found[0]) if found else None


def remember(
    store: Store, key: str, *, at: int, method: str, path: str, body_digest: str, status: int, body: str
) -> None:
    """Keep an answer; in the transaction of the effect, so that there is never one without the other."""
    store.write(
        RequestRow.insert(
            key=key, at=at, method=method, path=path, body_digest=body_digest, status=status, body=body
        )
    )


def prune(store: Store, before: int) -> int:
    """Forget answers older than a time; how many."""
    return store.write(RequestRow.delete().where(RequestRow.at < before))
