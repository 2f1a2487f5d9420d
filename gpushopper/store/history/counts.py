"""Counts and sums over all attempts, alarms and alerts, made by the database; what they count is never removed.

They count on across restarts of the daemon, and begin anew only with a new database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from gpushopper.core.model.attempt import Origin, State
from gpushopper.core.timing.periods import PeriodKind
from gpushopper.store.database import Store
from gpushopper.store.money.rollups import mark_of
from gpushopper.store.outbox.alerts import WAITING
from gpushopper.store.schema.tables import AlarmRow, AlertRow, AttemptRow, LedgerRow, RollupRow, SessionRow
from gpushopper.store.sqlite.statements import cached_select


@dataclass(frozen=True, slots=True)
class ClosedCount:
    """How many attempts of an account were closed for a reason; `had_instance`: where something was destroyed."""

    provider: str
    gpu: str
    reason: str
    was_ready: bool
    had_instance: bool
    count: int


@dataclass(frozen=True, slots=True)
class FailoverCount:
    """How many attempts of an account came after another one that failed, and how many of them became ready."""

    provider: str
    count: int
    ready: int


@dataclass(frozen=True, slots=True)
class ReadyTimes:
    """How long instances of an account took from the create to ready: `at_most` counts those within each bound."""

    provider: str
    at_most: tuple[int, ...]
    count: int
    sum_us: int


def sessions_made(store: Store) -> dict[str, int]:
    """Sessions by the account of their first attempt."""
    return dict(store.rows(_first_attempts()))


def sessions_ended(store: Store) -> dict[str, int]:
    """Sessions that have ended, by reason."""
    return dict(store.rows(_ended()))


def closed(store: Store) -> list[ClosedCount]:
    """Attempts that are closed, by account, GPU and reason."""
    return [ClosedCount(*row) for row in store.rows(_closed())]


def failovers(store: Store) -> list[FailoverCount]:
    """Attempts after the first of their session, by account."""
    return [FailoverCount(*row) for row in store.rows(_failovers())]


def ready_times(store: Store, bounds_us: Sequence[int]) -> list[ReadyTimes]:
    """How long creates took to become ready, by account."""
    found = store.rows(_ready(tuple(bounds_us)))
    return [ReadyTimes(provider, tuple(within), count, total) for provider, count, total, *within in found]


def spent(store: Store) -> dict[str, int]:
    """Micro-dollars that are booked, by account, corrections included: of the months' sums, and what came since.

    The ledger itself has a line for each hour and kind of all that was ever rented: to add it up takes the store's lock
    for half a second after some years.
    """
    found: Counter[str] = Counter()
    with store.read():
        for query in (_by_month(), _entered_since(mark_of(store).ledger_id)):
            for provider, micros in store.rows(query):
                found[provider] += micros
    return dict(found)


def alarms_raised(store: Store) -> dict[str, int]:
    """Alarms that were ever raised, by kind."""
    return dict(store.rows(_raised()))


def alerts_waiting(store: Store) -> dict[str, int]:
    """Alerts that wait for their channel, by channel."""
    return dict(store.rows(_waiting()))


@cached_select
def _first_attempts() -> Any:
    query = AttemptRow.select(AttemptRow.provider, fn.COUNT(AttemptRow.id))
    return query.where(AttemptRow.ordinal == 1).group_by(AttemptRow.provider)


@cached_select
def _ended() -> Any:
    query = SessionRow.select(SessionRow.reason, fn.COUNT(SessionRow.id))
    return query.where(SessionRow.ended_at.is_null(False)).group_by(SessionRow.reason)


@cached_select
def _closed() -> Any:
    gpu = fn.JSON_EXTRACT(AttemptRow.offer, "$.gpu")
    was_ready, had_instance = AttemptRow.ready_at.is_null(False), AttemptRow.instance_id.is_null(False)
    query = AttemptRow.select(
        AttemptRow.provider, gpu.alias("gpu"), AttemptRow.reason, was_ready.alias("was_ready"),
        had_instance.alias("had_instance"), fn.COUNT(AttemptRow.id),
    ).where(AttemptRow.state == State.CLOSED)  # fmt: skip
    return query.group_by(AttemptRow.provider, gpu, AttemptRow.reason, was_ready, had_instance)


@cached_select
def _failovers() -> Any:
    query = AttemptRow.select(AttemptRow.provider, fn.COUNT(AttemptRow.id), fn.COUNT(AttemptRow.ready_at))
    after_another = (AttemptRow.ordinal > 1) & (AttemptRow.origin == Origin.CREATED)
    return query.where(after_another).group_by(AttemptRow.provider)


@cached_select
def _ready(bounds_us: tuple[int, ...]) -> Any:
    took = AttemptRow.ready_at - AttemptRow.sent_at
    within = [fn.SUM(took <= bound) for bound in bounds_us]
    query = AttemptRow.select(AttemptRow.provider, fn.COUNT(AttemptRow.id), fn.SUM(took), *within)
    was_created = AttemptRow.ready_at.is_null(False) & AttemptRow.sent_at.is_null(False)
    return query.where(was_created).group_by(AttemptRow.provider)


@cached_select
def _by_month() -> Any:
    query = RollupRow.select(AttemptRow.provider, fn.SUM(RollupRow.micros))
    query = query.join(AttemptRow, on=RollupRow.attempt_id == AttemptRow.id)
    return query.where(RollupRow.span == PeriodKind.MONTH.value).group_by(AttemptRow.provider)


def _entered_since(ledger_id: int) -> Any:
    query = LedgerRow.select(AttemptRow.provider, fn.SUM(LedgerRow.micros))
    query = query.join(AttemptRow, on=LedgerRow.attempt_id == AttemptRow.id)
    return query.where(LedgerRow.id > ledger_id).group_by(AttemptRow.provider)


@cached_select
def _raised() -> Any:
    return AlarmRow.select(AlarmRow.kind, fn.COUNT(AlarmRow.id)).group_by(AlarmRow.kind)


@cached_select
def _waiting() -> Any:
    query = AlertRow.select(AlertRow.channel, fn.COUNT(AlertRow.id))
    return query.where(AlertRow.state == WAITING).group_by(AlertRow.channel)
