"""What attempts have cost in the present day or month, and which attempts count against budgets at all.

By the rollups and the entries beyond them; by the ledger alone where the rollups are of another time zone.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, NamedTuple

from peewee import fn

from gpushopper.core.model.attempt import DesiredState, State
from gpushopper.core.spending.ledger import TRAFFIC
from gpushopper.core.spending.pro_rata import share
from gpushopper.core.timing.periods import Period
from gpushopper.store.database import Store
from gpushopper.store.money.entries_by_time import entries_after
from gpushopper.store.money.rollups import EntryRow, mark_of, sums_of
from gpushopper.store.schema.tables import AttemptRow, LedgerRow, SessionRow
from gpushopper.store.sqlite.statements import cached_select


class CountedAttempt(NamedTuple):
    """An attempt that counts, with whose it is; `is_wanted` is said of its session."""

    attempt_id: str
    session_id: str
    name: str
    consumer: str
    provider: str
    is_open: bool
    is_wanted: bool


class Sums:
    """Micro-dollars by attempt: of every kind together, and of traffic alone."""

    def __init__(self) -> None:
        self.all: dict[str, int] = {}
        self.traffic: dict[str, int] = {}

    def add(self, attempt_id: str, kind: str, micros: int) -> None:
        """Add an amount."""
        self.all[attempt_id] = self.all.get(attempt_id, 0) + micros
        if kind == TRAFFIC:
            self.traffic[attempt_id] = self.traffic.get(attempt_id, 0) + micros


def incurred_by_attempt(store: Store, period: Period, zone: tzinfo) -> Sums:
    """What each attempt has cost in this period, the present one; only of attempts that were open in it."""
    mark = mark_of(store)
    found = Sums()
    if mark.zone == str(zone):
        rolled = sums_of(store, period.kind, period.start_at, period.start_at + 1, by_time=False, by_attempt=True)
        for (_, attempt_id, kind), micros in rolled.items():
            found.add(attempt_id, kind, micros)
        _add_shares(found, entries_after(store, mark.ledger_id), period)
        return found
    for attempt_id, kind, micros in store.rows(_whole(period.start_at)):
        found.add(attempt_id, kind, micros)
    _add_shares(found, store.rows(_cut(period.start_at)), period)
    return found


def _add_shares(found: Sums, entries: list[EntryRow], period: Period) -> None:
    for attempt_id, kind, from_at, to_at, micros in entries:
        # Nothing is booked beyond now: what is after the beginning is in the present period.
        found.add(attempt_id, kind, share(micros, from_at, to_at, period.start_at, to_at + 1))


def attempts_that_count(store: Store, wall: int) -> list[CountedAttempt]:
    """The attempts that are open or were closed since this moment, and all of sessions that are wanted.

    None other has an entry after it, or counts against a limit per session.
    """
    return [CountedAttempt(*row) for row in store.rows(_counting(wall))]


def _is_open_since(wall: int) -> Any:
    # One that was seen again after its receipt is open and has the time of that receipt still.
    return AttemptRow.closed_at.is_null() | (AttemptRow.state != State.CLOSED) | (AttemptRow.closed_at >= wall)


def _entries() -> Any:
    """By attempt, whose entries an index finds: the ledger has none by time."""
    return LedgerRow.attempt_id == AttemptRow.id


@cached_select
def _counting(wall: int) -> Any:
    is_wanted = SessionRow.desired_state == DesiredState.RUNNING
    columns = (SessionRow.id, SessionRow.name, SessionRow.consumer, AttemptRow.provider)
    query = AttemptRow.select(AttemptRow.id, *columns, AttemptRow.state != State.CLOSED, is_wanted)
    query = query.join(SessionRow, on=AttemptRow.session_id == SessionRow.id)
    return query.where(_is_open_since(wall) | is_wanted).order_by(AttemptRow.prepared_at)


@cached_select
def _whole(start_at: int) -> Any:
    columns = (AttemptRow.id, LedgerRow.kind)
    query = AttemptRow.select(*columns, fn.SUM(LedgerRow.micros)).join(LedgerRow, on=_entries())
    return query.where(_is_open_since(start_at), LedgerRow.from_at >= start_at).group_by(*columns)


@cached_select
def _cut(start_at: int) -> Any:
    columns = (LedgerRow.attempt_id, LedgerRow.kind, LedgerRow.from_at, LedgerRow.to_at, LedgerRow.micros)
    query = AttemptRow.select(*columns).join(LedgerRow, on=_entries())
    return query.where(_is_open_since(start_at), LedgerRow.from_at < start_at, LedgerRow.to_at > start_at)
