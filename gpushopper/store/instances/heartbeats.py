"""The `heartbeats` table: each probe's result for a day, then one a minute, gone after 30 days."""

from __future__ import annotations

from collections.abc import Sequence

from peewee import fn

from gpushopper.core.model.ends.heartbeat_row import HeartbeatRow as Line
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from gpushopper.store.database import Store
from gpushopper.store.meta import get_meta, set_meta
from gpushopper.store.schema.tables import HeartbeatRow
from gpushopper.store.sqlite.writes import insert

RAW_US, KEPT_US = 24 * HOUR, 30 * 24 * HOUR
STEP_US = HOUR
_THINNED = "heartbeats_thinned_until"
_NAMES = (
    "attempt_id", "at", "answered", "gpu_load", "gpu_memory_mb", "cpu_milli", "network_bps", "idle_s", "in_use",
)  # fmt: skip
_COLUMNS = [getattr(HeartbeatRow, name) for name in _NAMES]


def add(store: Store, lines: Sequence[Line]) -> None:
    """Append what these probes have shown."""
    for line in lines:
        store.write(insert(HeartbeatRow, {name: getattr(line, name) for name in _NAMES}, replaces=True))


def history(store: Store, attempt_id: str, since: int) -> list[Line]:
    """The heartbeats of an attempt from a time on (wall µs), in order."""
    of = (HeartbeatRow.attempt_id == attempt_id) & (HeartbeatRow.at >= since)
    return [Line(*row) for row in store.rows(HeartbeatRow.select(*_COLUMNS).where(of).order_by(HeartbeatRow.at))]


def thin(store: Store, now_wall: int) -> bool:
    """Delete what is older than 30 days, and of an older hour all but the last of each minute; whether more is left.

    An hour at a time, each in a transaction of its own: a commit that ends something must not wait for long.
    """
    store.write(HeartbeatRow.delete().where(HeartbeatRow.at < now_wall - KEPT_US))
    oldest = store.rows(HeartbeatRow.select(fn.MIN(HeartbeatRow.at)))[0][0]
    mark = get_meta(store, _THINNED) or "0"
    begin, end = max(int(mark), oldest or now_wall), now_wall - RAW_US
    if begin >= end:
        return False
    end = min(begin + STEP_US, end)
    old = (HeartbeatRow.at >= begin) & (HeartbeatRow.at < end)
    last = HeartbeatRow.select(fn.MAX(HeartbeatRow.at)).where(old)
    last = last.group_by(HeartbeatRow.attempt_id, HeartbeatRow.at / MINUTE)
    store.write(HeartbeatRow.delete().where(old & HeartbeatRow.at.not_in(last)))
    set_meta(store, _THINNED, str(end))
    return end < now_wall - RAW_US
