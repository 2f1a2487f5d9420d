"""The table of stored responses, by idempotency key; what a repetition is: requests/commands/ (S20)."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import StoredResponseRow

RETENTION_US = 7 * 24 * HOUR
"""How long a response is stored."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The request that used a key, and its response."""

    method: str
    path: str
    request_digest: str
    response_status: int
    response_body: str


def load_response(store: Store, key: str) -> StoredResponse | None:
    """The response stored under a key."""
    query = StoredResponseRow.select(
        StoredResponseRow.method,
        StoredResponseRow.path,
        StoredResponseRow.request_digest,
        StoredResponseRow.response_status,
        StoredResponseRow.response_body,
    )
    found = store.rows(query.where(StoredResponseRow.key == key))
    return StoredResponse(*found[0]) if found else None


def save_response(
    store: Store,
    key: str,
    *,
    at: int,
    method: str,
    path: str,
    request_digest: str,
    response_status: int,
    response_body: str,
) -> None:
    """Store a response; in the transaction of its effect, so that neither exists without the other."""
    store.write(
        StoredResponseRow.insert(
            key=key,
            at=at,
            method=method,
            path=path,
            request_digest=request_digest,
            response_status=response_status,
            response_body=response_body,
        )
    )


def prune(store: Store, before: int) -> int:
    """Delete responses older than a time; how many."""
    return store.write(StoredResponseRow.delete().where(StoredResponseRow.at < before))
