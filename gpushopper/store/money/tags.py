"""The `session_tags` table: what a user groups sessions by, such as `paper=neurips`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import SessionTagRow
from gpushopper.store.sqlite.statements import IN_LIST_SIZE, cached_select


def set_tags(store: Store, session_id: str, tags: Mapping[str, str]) -> None:
    """Give a session these tags, and no others."""
    store.write(SessionTagRow.delete().where(SessionTagRow.session_id == session_id))
    rows = [{"session_id": session_id, "key": key, "value": value} for key, value in tags.items()]
    if rows:
        store.write(SessionTagRow.insert_many(rows))


def tags_by_session(store: Store) -> dict[str, dict[str, str]]:
    """The tags of every session that has any."""
    found: dict[str, dict[str, str]] = {}
    for session_id, key, value in store.rows(_all()):
        found.setdefault(session_id, {})[key] = value
    return found


def tags_of_sessions(store: Store, session_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The tags of each of these sessions that has any."""
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(session_ids), IN_LIST_SIZE):
        for session_id, key, value in store.rows(_some(tuple(session_ids[start : start + IN_LIST_SIZE]))):
            found.setdefault(session_id, {})[key] = value
    return found


def tags_of(store: Store, session_id: str) -> dict[str, str]:
    """The tags of one session."""
    return dict(store.rows(_of(session_id)))


@cached_select
def _all() -> Any:
    columns = (SessionTagRow.session_id, SessionTagRow.key, SessionTagRow.value)
    return SessionTagRow.select(*columns).order_by(SessionTagRow.session_id, SessionTagRow.key)


@cached_select
def _of(session_id: str) -> Any:
    query = SessionTagRow.select(SessionTagRow.key, SessionTagRow.value)
    return query.where(SessionTagRow.session_id == session_id).order_by(SessionTagRow.key)


@cached_select
def _some(session_ids: tuple[str, ...]) -> Any:
    query = SessionTagRow.select(SessionTagRow.session_id, SessionTagRow.key, SessionTagRow.value)
    return query.where(SessionTagRow.session_id.in_(session_ids))
