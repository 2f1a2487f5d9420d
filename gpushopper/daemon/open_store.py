"""Open the database at start: quarantine a damaged one, repair unreadable rows, check the installation (D12, S21)."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from gpushopper.clock import Clock
from gpushopper.core.alarms import DATABASE_REBUILT
from gpushopper.daemon.backup.restoring import restore_newest
from gpushopper.daemon.backup.row_repair import raise_alarm, repair_rows
from gpushopper.paths import Home
from gpushopper.store import installation
from gpushopper.store.database import Corrupt, Store, quarantine
from gpushopper.store.outbox import alerts as outbox
from gpushopper.store.sqlite import disk_reserve
from gpushopper.store.sqlite.database_files import quarantine_name, sidecar_files

_log = structlog.get_logger(__name__)


def open_store(home: Home, clock: Clock) -> Store:
    """Open, check and upgrade the database; one that is damaged or missing is replaced, with an alarm.

    The newest whole backup takes its place, else a new database. Running instances that it does not know are then
    adopted from the providers' lists: their labels carry the installation's id, which the installation file has kept.

    Raises:
        Misconfigured: it cannot be written, or a newer version wrote it.
        DiskFull: no space.
    """
    now = clock.now().wall
    try:
        _refuse_missing(home)
        store = _prepare(Store.open(home.database, now_wall=now), lambda opened: repair_rows(opened, now))
    except Corrupt as damage:
        _log.error("database damaged", text=damage.message)
        store = disk_reserve.with_reserve(home.disk_reserve, lambda: _in_its_place(home, clock))
    disk_reserve.allocate(home.disk_reserve)
    return store


def _refuse_missing(home: Home) -> None:
    """Refuse to begin anew where there were records: they were deleted, or a start was interrupted."""
    if home.installation_file.exists() and not home.database.exists():
        raise Corrupt(f"the database {home.database} is missing")


def _in_its_place(home: Home, clock: Clock) -> Store:
    """The newest backup that is whole, else a new database; either says in an alarm what has happened."""
    now = clock.now()
    is_there = any(file.exists() for file in (home.database, *sidecar_files(home.database)))
    kept = quarantine_name(home.database, now.wall).name if is_there else None
    text = f"the database was damaged and has been set aside as {kept}" if kept else "the database was missing"
    if restore_newest(home, now, text):
        return _prepare(Store.open(home.database, now_wall=now.wall), lambda opened: repair_rows(opened, now.wall))
    if kept:
        quarantine(home.database, now.wall)
    # Not by `open_store`: it would find nothing damaged, and raise no alarm.
    return _prepare(Store.open(home.database, now_wall=now.wall), lambda new: _alarm_rebuilt(new, now.wall, text, kept))


def _prepare(store: Store, step: Callable[[Store], None]) -> Store:
    """The store after its first transaction; closed if that fails, so that the start can be retried."""
    try:
        with store.transaction():
            step(store)
    except BaseException:
        store.close()
        raise
    return store


def _alarm_rebuilt(store: Store, now: int, text: str, kept: str | None) -> None:
    text = f"{text}; a new one was started"
    hint = "Instances of ours are found again on the accounts and adopted. See: gpu-shopper audit"
    outbox.set_cursor(store, 0)  # where there are channels, they are told of this too
    raise_alarm(store, now, DATABASE_REBUILT, "database", text, hint, {"kept": kept})


def check_installation(home: Home, store: Store) -> installation.Installation:
    """Find or make the installation's id; a home that was copied or moved may end sessions, but not provision (S10)."""
    found = installation.check(home, store)
    if found.status is installation.HomeStatus.MOVED:
        _log.warning("this home has been copied or moved: renting is refused until a person decides")
    return found
