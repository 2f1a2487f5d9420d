"""Whom, where and for what each attempt is charged: the few columns that costs are grouped by, of all of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from peewee import fn

from gpushopper.core.alarms import DUPLICATE
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AttemptRow, SessionRow
from gpushopper.store.sqlite.statements import cached_select


class ChargedAttempt(NamedTuple):
    """One attempt with what it is charged by. `created_at` is its session's; a duplicate names no session's cloud."""

    attempt_id: str
    ordinal: int
    is_duplicate: bool
    provider: str
    gpu: str
    session_id: str
    name: str
    consumer: str
    created_at: int


def charged_attempts(store: Store, session_id: str | None, consumer: str | None) -> list[ChargedAttempt]:
    """Every attempt of the sessions meant, by when their session was made."""
    return [ChargedAttempt(*row) for row in store.rows(_charged(session_id, consumer))]


@cached_select
def _charged(session_id: str | None, consumer: str | None) -> Any:
    gpu = fn.json_extract(AttemptRow.offer, "$.gpu")
    columns = (AttemptRow.id, AttemptRow.ordinal, AttemptRow.reason == DUPLICATE, AttemptRow.provider, gpu)
    of_session = (SessionRow.id, SessionRow.name, SessionRow.consumer, SessionRow.created_at)
    query = AttemptRow.select(*columns, *of_session).join(SessionRow, on=AttemptRow.session_id == SessionRow.id)
    query = query if session_id is None else query.where(SessionRow.id == session_id)
    query = query if consumer is None else query.where(SessionRow.consumer == consumer)
    return query.order_by(SessionRow.created_at, SessionRow.id, AttemptRow.ordinal)
