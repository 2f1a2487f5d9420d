"""Acknowledge alarms: one by its id, or all that are shown."""

from __future__ import annotations

from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.store import alarms
from gpushopper.store.sqlite.disk_reserve import with_reserve


def acknowledge(handle: EngineHandle, alarm_id: int | None) -> int:
    """How many alarms were acknowledged by this; None means all.

    Raises:
        DiskFull: even the disk reserve was not enough.
    """
    ctx = handle.ctx

    def commit() -> int:
        with ctx.store.transaction():
            return alarms.acknowledge(ctx.store, at=ctx.clock.now().wall, alarm_id=alarm_id)

    return with_reserve(ctx.home.disk_reserve, commit)
