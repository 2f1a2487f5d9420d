"""The `run_ends` table: which runs may end their session early; a row is here before it is set there (ends.md E5)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from gpushopper.core.model.ends.run_end import RunEnd
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import RunEndRow
from gpushopper.store.sqlite.statements import cached_select

_COLUMNS = (
    RunEndRow.session_id, RunEndRow.run_id, RunEndRow.mode, RunEndRow.with_pull, RunEndRow.set_at, RunEndRow.hold_us
)  # fmt: skip


def allow_run_end(store: Store, end: RunEnd) -> None:
    """Record that a run may end its session; the same run once more replaces its row."""
    values = {column.name: getattr(end, column.name) for column in _COLUMNS}
    store.write(RunEndRow.insert(**values).on_conflict_replace())


def withdraw_run_end(store: Store, session_id: str, run_id: str) -> bool:
    """Remove one of them; whether it was there."""
    of = (RunEndRow.session_id == session_id) & (RunEndRow.run_id == run_id)
    return store.write(RunEndRow.delete().where(of)) > 0


def run_ends_of(store: Store, session_id: str) -> tuple[RunEnd, ...]:
    """The runs that may end a session, the first one first."""
    return tuple(store.kept(_of_session(session_id), RunEnd))


def run_ends_by_session(store: Store) -> dict[str, tuple[RunEnd, ...]]:
    """The runs that may end each session."""
    found: dict[str, list[RunEnd]] = defaultdict(list)
    for end in store.kept(_all(), RunEnd):
        found[end.session_id].append(end)
    return {session_id: tuple(ends) for session_id, ends in found.items()}


@cached_select
def _of_session(session_id: str) -> Any:
    return RunEndRow.select(*_COLUMNS).where(RunEndRow.session_id == session_id).order_by(RunEndRow.set_at)


@cached_select
def _all() -> Any:
    return RunEndRow.select(*_COLUMNS).order_by(RunEndRow.session_id, RunEndRow.set_at)
