"""Rows that cannot be read are replaced with an alarm each, before anything else reads a database (F54)."""

from __future__ import annotations

import structlog

from gpushopper.core.alarms import HINTS, ROW_REPAIRED
from gpushopper.store import alarms, events
from gpushopper.store.database import Store
from gpushopper.store.repair import repair

_log = structlog.get_logger(__name__)


def repair_rows(store: Store, now: int) -> None:
    """Replace unreadable JSON in rows: one bad row must not stop the rest. Inside a transaction; `now` is wall µs."""
    for found in repair(store):
        _log.error("unreadable row", table=found.table, row=found.row, column=found.column)
        subject = f"{found.table}/{found.row}/{found.column}"
        text = f"{found.column} of {found.table} row {found.row} could not be read and was replaced"
        raise_alarm(store, now, ROW_REPAIRED, subject, text, HINTS[ROW_REPAIRED], {"was": found.was})


def raise_alarm(
    store: Store, now: int, kind: str, subject: str, text: str, hint: str, evidence: dict[str, str | None]
) -> None:
    """An alarm with its event, as the engine raises one; for what happens before there is an engine."""
    if alarms.raise_alarm(store, at=now, kind=kind, subject=subject, text=text, hint=hint, evidence=evidence):
        data = {"kind": kind, "subject": subject, "hint": hint}
        events.append(store, at=now, kind="alarm", text=text, data=data)
