"""The `events` table: the history, one immutable line per change, written in the transaction of the change."""

from __future__ import annotations

from typing import Any

from peewee import fn

from gpushopper.store.database import Store
from gpushopper.store.meta import get_meta, set_meta
from gpushopper.store.schema.tables import EventRow
from gpushopper.store.sqlite.statements import cached_select
from gpushopper.store.sqlite.writes import insert
from gpushopper.wire import EventView


def append(
    store: Store,
    *,
    at: int,
    kind: str,
    text: str,
    session_id: str | None = None,
    attempt_id: str | None = None,
    data: dict[str, Any] | None = None,
) -> int:
    """Add a line; returns its id, which is the cursor for reading on from it."""
    line = {"at": at, "kind": kind, "session_id": session_id, "attempt_id": attempt_id, "text": text}
    return store.write(insert(EventRow, {**line, "data": data or {}}))


def after(store: Store, cursor: int, limit: int = 200, session_id: str | None = None) -> list[EventView]:
    """The lines after a cursor, oldest first."""
    select = _lines(session_id is not None)
    values = (cursor, limit) if session_id is None else (cursor, session_id, limit)
    return [EventView(*row) for row in store.rows(select._replace(values=values))]


def latest_of(store: Store, session_id: str, attempt_id: str, kind: str) -> EventView | None:
    """The newest line of this kind about an attempt; None where there is none."""
    select = _latest()._replace(values=(session_id, attempt_id, kind, 1))
    return next((EventView(*row) for row in store.rows(select)), None)


def data_of(store: Store, session_id: str, kind: str) -> list[dict[str, Any]]:
    """The data of a session's lines of one kind, oldest first."""
    return [data for (data,) in store.rows(_data(session_id, kind))]


def last_id(store: Store) -> int:
    """The cursor at the end of the history; 0 when nothing has happened."""
    return int(store.rows(EventRow.select(fn.COALESCE(fn.MAX(EventRow.id), 0)))[0][0])


def database_id(store: Store) -> str:
    """What tells these events from those of another database; empty before the audit log has begun (F69)."""
    return get_meta(store, _DATABASE) or ""


def set_database_id(store: Store, database: str) -> None:
    """Store it, once."""
    set_meta(store, _DATABASE, database)


_DATABASE = "audit_database"
_COLUMNS = (
    EventRow.id, EventRow.at, EventRow.kind, EventRow.session_id, EventRow.attempt_id, EventRow.text, EventRow.data,
)  # fmt: skip


@cached_select
def _lines(is_of_session: bool) -> Any:
    """Its values are replaced: the cursor, the session's id where it is of one, and the limit."""
    query = EventRow.select(*_COLUMNS).where(EventRow.id > 0)
    if is_of_session:
        query = query.where(EventRow.session_id == "")
    return query.order_by(EventRow.id).limit(1)


@cached_select
def _latest() -> Any:
    """Its values are replaced: the ids of session and attempt, the kind, and the limit."""
    query = EventRow.select(*_COLUMNS).where(EventRow.session_id == "", EventRow.attempt_id == "", EventRow.kind == "")
    return query.order_by(EventRow.id.desc()).limit(1)


@cached_select
def _data(session_id: str, kind: str) -> Any:
    query = EventRow.select(EventRow.data).where((EventRow.session_id == session_id) & (EventRow.kind == kind))
    return query.order_by(EventRow.id)
