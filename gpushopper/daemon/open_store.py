"""Opening what survives a restart: the database, set aside when damaged, and the installation's identity (D12, S21)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from gpushopper.clock import Clock
from gpushopper.core.alarms import HINTS, ROW_REPAIRED
from gpushopper.paths import Home
from gpushopper.store import alarms, installation
from gpushopper.store.database import Corrupt, Store, quarantine
from gpushopper.store.repair import repair
from gpushopper.store.sqlite import disk_reserve

_log = structlog.get_logger(__name__)

REBUILT = "database_rebuilt"


def open_store(home: Home, clock: Clock) -> Store:
    """Open, check and upgrade the database; a damaged one is kept beside a new one, with an alarm.

    What was rented is then adopted from the providers' lists: the labels carry the installation's id, and the side
    file has kept that.

    Raises:
        Misconfigured: it cannot be written, or a newer version wrote it.
        DiskFull: no space.
    """
    now = clock.now().wall
    try:
        store = _ready(Store.open(home.database, now_wall=now), lambda opened: _repair(opened, now))
    except Corrupt as damage:
        _log.error("database damaged", text=damage.message)
        kept = quarantine(home.database, now)
        # Here and not by a second call of this function: that one would find nothing damaged, and raise no alarm.
        store = disk_reserve.with_reserve(
            home.disk_reserve,
            lambda: _ready(Store.open(home.database, now_wall=now), lambda opened: _tell_rebuilt(opened, now, kept)),
        )
    disk_reserve.allocate(home.disk_reserve)
    return store


def _ready(store: Store, prepare: Callable[[Store], None]) -> Store:
    """The store after its first transaction; closed if that fails, so that the start can be tried again."""
    try:
        with store.transaction():
            prepare(store)
    except BaseException:
        store.close()
        raise
    return store


def _tell_rebuilt(store: Store, now: int, kept: Path) -> None:
    alarms.raise_alarm(
        store,
        at=now,
        kind=REBUILT,
        subject="database",
        text=f"the database was damaged and has been set aside as {kept.name}; a new one was started",
        hint="Instances of ours are found again on the accounts and adopted. See: gpu-shopper audit",
        evidence={"kept": str(kept)},
    )


def _repair(store: Store, now: int) -> None:
    """One row that cannot be read must not keep the others from being watched (F54)."""
    for found in repair(store):
        _log.error("unreadable row", table=found.table, row=found.row, column=found.column)
        alarms.raise_alarm(
            store,
            at=now,
            kind=ROW_REPAIRED,
            subject=f"{found.table}/{found.row}/{found.column}",
            text=f"{found.column} of {found.table} row {found.row} could not be read and was replaced",
            hint=HINTS[ROW_REPAIRED],
            evidence={"was": found.was},
        )


def check_installation(home: Home, store: Store) -> installation.Installation:
    """Find or make the installation's id; a home that was copied or moved may end things, but not rent (S10)."""
    found = installation.check(home, store)
    if found.verdict is installation.HomeStatus.MOVED:
        _log.warning("this home has been copied or moved: renting is refused until a person decides")
    return found
