"""The `alarms` table: raise, clear, acknowledge and list alarms. Which alarms there are: core/alarms.py."""

from __future__ import annotations

from typing import Any

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AlarmRow
from gpushopper.store.sqlite.statements import cached_select
from gpushopper.wire import AlarmView


def raise_alarm(
    store: Store, *, at: int, kind: str, subject: str, text: str, hint: str = "", evidence: dict[str, Any] | None = None
) -> bool:
    """Record an alarm; True when it is new.

    While one of the same kind and subject is not cleared nothing changes, whether acknowledged or not.
    """
    if store.rows(AlarmRow.select(AlarmRow.id).where(_active_one(kind, subject))):
        return False
    store.write(
        AlarmRow.insert(kind=kind, subject=subject, text=text, hint=hint, evidence=evidence or {}, raised_at=at)
    )
    return True


def clear_alarm(store: Store, *, at: int, kind: str, subject: str) -> bool:
    """Clear an alarm because its condition is over; True when one was open. It may be raised again later."""
    return store.write(AlarmRow.update(cleared_at=at).where(_active_one(kind, subject))) > 0


def open_alarms(store: Store) -> list[AlarmView]:
    """Alarms neither cleared nor acknowledged, oldest first."""
    return [AlarmView(*row) for row in store.rows(_shown())]


def active_alarms(store: Store) -> set[tuple[str, str]]:
    """Kind and subject of every alarm not yet cleared, acknowledged ones included."""
    return set(store.kept(_active(), _pair))


def first_raised(store: Store, kind: str) -> dict[str, int]:
    """When each alarm of a kind that is not cleared was raised, by subject."""
    return dict(store.kept(_raised(kind), _pair))


def acknowledge(store: Store, *, at: int, alarm_id: int | None) -> int:
    """Acknowledge one alarm, or all with None; how many were shown until now."""
    query = AlarmRow.update(acknowledged_at=at).where(_is_shown())
    return store.write(query if alarm_id is None else query.where(AlarmRow.id == alarm_id))


def _pair(one: Any, other: Any) -> tuple[Any, Any]:
    return one, other


@cached_select
def _shown() -> Any:
    return AlarmRow.select(
        AlarmRow.id, AlarmRow.kind, AlarmRow.subject, AlarmRow.text, AlarmRow.hint, AlarmRow.raised_at,
        AlarmRow.acknowledged_at,
    ).where(_is_shown()).order_by(AlarmRow.id)  # fmt: skip


@cached_select
def _active() -> Any:
    return AlarmRow.select(AlarmRow.kind, AlarmRow.subject).where(AlarmRow.cleared_at.is_null())


@cached_select
def _raised(kind: str) -> Any:
    query = AlarmRow.select(AlarmRow.subject, AlarmRow.raised_at)
    return query.where((AlarmRow.kind == kind) & AlarmRow.cleared_at.is_null())


def _active_one(kind: str, subject: str) -> Any:
    return (AlarmRow.kind == kind) & (AlarmRow.subject == subject) & AlarmRow.cleared_at.is_null()


def _is_shown() -> Any:
    return AlarmRow.cleared_at.is_null() & AlarmRow.acknowledged_at.is_null()
