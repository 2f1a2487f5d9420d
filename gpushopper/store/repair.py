"""Repair of rows whose JSON text cannot be read: replaced by a cautious value, reported, never fatal (F54).

Types, enumerations and relations are enforced by the database itself; only JSON texts need this check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from gpushopper.core.cloud import Billing, OfferKind
from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.deadline import Deadline
from gpushopper.store.database import Store
from gpushopper.store.schema.columns import DeadlineText, OffersText, OfferText, PairsText
from gpushopper.store.schema.tables import AttemptRow, SessionRow
from gpushopper.store.sqlite.statements import run

REPORTED_CHARACTERS = 200
"""Of the replaced text, for the alarm."""

_KINDS: dict[str, Any] = {
    "int": int, "int | None": int | None, "str": str, "str | None": str | None, "float": int | float,
    "float | None": int | float | None, "bool": bool, "bool | None": bool | None, "Micros": int,
    "OfferKind": OfferKind, "Billing": Billing,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Repair:
    """One text that was replaced; `was` is the beginning of the former text."""

    table: str
    row: str
    column: str
    was: str


def repair(store: Store) -> list[Repair]:
    """Replace every text that cannot be read; inside a transaction, before anything else reads the rows.

    An attempt gets its hard maximum as deadline, and an offer of the agreed rate. A session gets no further offers.
    """
    return [*_attempts(store), *_sessions(store)]


def _attempts(store: Store) -> Iterator[Repair]:
    columns = "id, provider, disk_gb, hard_max_at, prepared_at, agreed_rate, deadline, offer, receipt"
    for row in run(store.database, f"SELECT {columns} FROM attempts"):
        attempt_id, provider, disk_gb, hard_max_at, prepared_at, rate, deadline, offer, receipt = row
        if not _is_readable(DeadlineText().python_value, deadline):
            last = Deadline(hard_max_at, prepared_at, 0, "")
            yield _replaced(store, AttemptRow, attempt_id, "deadline", last, deadline)
        if not _is_readable(OfferText().python_value, offer):
            yield _replaced(store, AttemptRow, attempt_id, "offer", _unknown_offer(provider, disk_gb, rate), offer)
        if receipt and not _is_readable(lambda text: json.loads(text)["kind"], receipt):
            yield _replaced(store, AttemptRow, attempt_id, "receipt", '{"kind": "unreadable"}', receipt)


def _sessions(store: Store) -> Iterator[Repair]:
    for session_id, shortlist, environment in run(store.database, "SELECT id, shortlist, environment FROM sessions"):
        if not _is_readable(OffersText().python_value, shortlist):
            yield _replaced(store, SessionRow, session_id, "shortlist", (), shortlist)
        if not _is_readable(PairsText().python_value, environment):
            yield _replaced(store, SessionRow, session_id, "environment", (), environment)


def _is_readable(read: Callable[[str], Any], text: str) -> bool:
    try:
        value = read(text)
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    every = value if isinstance(value, tuple) else (value,)
    return all(_has_its_types(each) for each in every if isinstance(each, Offer | Deadline))


def _has_its_types(value: Offer | Deadline) -> bool:
    """Whether each field has its declared type: JSON would accept a text for a time."""
    return all(isinstance(getattr(value, f.name), _KINDS[str(f.type)]) for f in fields(value))


def _unknown_offer(provider: str, disk_gb: float, rate: int) -> Offer:
    """An offer of which only the agreed price is known."""
    return Offer(
        provider=provider, offer_id="unknown", gpu="unknown", gpu_count=1, vram_mb=0, gpu_rate=rate,
        storage_gb_month=0, upload_gb=0, download_gb=0, disk_gb=disk_gb, seen_at=0,
    )  # fmt: skip


def _replaced(store: Store, table: type[Any], row_id: Any, column: str, value: Any, was: str) -> Repair:
    store.write(table.update({column: value}).where(table.id == row_id))
    return Repair(table._meta.table_name, str(row_id), column, was[:REPORTED_CHARACTERS])
