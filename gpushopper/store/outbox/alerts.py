"""The `alerts` table: alerts that wait for a channel, and what became of the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from peewee import fn

from gpushopper.store.database import Store
from gpushopper.store.meta import get_meta, set_meta
from gpushopper.store.schema.tables import AlertRow, EventRow, MetaRow
from gpushopper.store.sqlite.statements import cached_select
from gpushopper.wire import EventView

WAITING, DELIVERED, GIVEN_UP = "waiting", "delivered", "given_up"
_CURSOR = "alerts_after"


@dataclass(frozen=True, slots=True)
class WaitingAlert:
    """The alert that a channel gets next."""

    id: int
    channel: str
    tries: int
    event: EventView


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Of one channel: how many alerts wait, the problem of the next one, and when one was last delivered."""

    waiting: int = 0
    problem: str = ""
    delivered_at: int | None = None


def cursor(store: Store) -> int | None:
    """Up to which event alerts were made; None where none are."""
    found = get_meta(store, _CURSOR)
    return None if found is None else int(found)


def set_cursor(store: Store, event_id: int | None) -> None:
    """Make alerts of the events after this one; None: of none."""
    if event_id is None:
        store.write(MetaRow.delete().where(MetaRow.key == _CURSOR))
    else:
        set_meta(store, _CURSOR, str(event_id))


def add(store: Store, event_id: int, channels: Iterable[str]) -> None:
    """An alert about an event for each of these channels, once."""
    for channel in channels:
        row = {"event_id": event_id, "channel": channel, "state": WAITING, "tries": 0, "problem": ""}
        store.write(AlertRow.insert(**row).on_conflict_ignore())


def next_of(store: Store, channel: str) -> WaitingAlert | None:
    """The oldest alert that waits for a channel."""
    for alert_id, tries, *event in store.rows(_next(channel)):
        return WaitingAlert(alert_id, channel, tries, EventView(*event))
    return None


def tried(store: Store, alert_id: int, tries: int, problem: str) -> None:
    """Note a try that failed; the alert goes on waiting."""
    query = AlertRow.update(tries=tries, problem=problem)
    store.write(query.where((AlertRow.id == alert_id) & (AlertRow.state == WAITING)))


def delivered(store: Store, alert_id: int, tries: int, at: int) -> None:
    """Note that its channel has it; also where it was given up meanwhile."""
    query = AlertRow.update(state=DELIVERED, tries=tries, problem="", done_at=at)
    store.write(query.where(AlertRow.id == alert_id))


def give_up(store: Store, alert_ids: Collection[int], at: int, problem: str) -> int:
    """Give up these alerts, as far as they wait; how many did."""
    query = AlertRow.update(state=GIVEN_UP, problem=problem, done_at=at)
    return store.write(query.where(AlertRow.id.in_(list(alert_ids)) & (AlertRow.state == WAITING)))


def waiting_of(store: Store, channel: str) -> list[int]:
    """All that wait for a channel, oldest first."""
    return [alert_id for (alert_id,) in store.rows(_waiting(channel))]


def waiting_channels(store: Store) -> list[str]:
    """The channels for which something waits."""
    query = AlertRow.select(AlertRow.channel).where(AlertRow.state == WAITING).distinct().order_by(AlertRow.channel)
    return [channel for (channel,) in store.rows(query)]


def counts_of(store: Store, channel: str) -> ChannelCounts:
    """How a channel does."""
    (last,) = store.rows(
        AlertRow.select(fn.MAX(AlertRow.done_at)).where((AlertRow.channel == channel) & (AlertRow.state == DELIVERED))
    )
    waiting = store.rows(
        AlertRow.select(AlertRow.problem)
        .where((AlertRow.channel == channel) & (AlertRow.state == WAITING))
        .order_by(AlertRow.id)
    )
    return ChannelCounts(len(waiting), waiting[0][0] if waiting else "", last[0])


def prune(store: Store, before: int) -> int:
    """Forget alerts that were delivered or given up before this wall time; how many."""
    return store.write(AlertRow.delete().where(AlertRow.done_at < before))


@cached_select
def _next(channel: str) -> Any:
    query = AlertRow.select(
        AlertRow.id, AlertRow.tries, EventRow.id, EventRow.at, EventRow.kind, EventRow.session_id, EventRow.attempt_id,
        EventRow.text, EventRow.data,
    ).join(EventRow, on=EventRow.id == AlertRow.event_id)  # fmt: skip
    return query.where((AlertRow.channel == channel) & (AlertRow.state == WAITING)).order_by(AlertRow.id).limit(1)


@cached_select
def _waiting(channel: str) -> Any:
    query = AlertRow.select(AlertRow.id).where((AlertRow.channel == channel) & (AlertRow.state == WAITING))
    return query.order_by(AlertRow.id)
