"""Backups of the database: one a day, one before each upgrade; how they are made, named and found."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import peewee

from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.errors import DiskFull
from gpushopper.private_files import FOLDER_MODE, sync
from gpushopper.store.sqlite.database_files import (
    FILE_MODE,
    file_error,
    free_bytes,
    free_name,
    sidecar_files,
    timestamp,
)
from gpushopper.store.sqlite.error_mapping import map_errors
from gpushopper.store.sqlite.statements import run

MAX_UPGRADES = 5
MAX_DAYS = 7
"""How many backups of each kind are kept."""
DAY = 24 * HOUR
FREE_BYTES_LEFT = 200 * 1024 * 1024
"""What a daily backup leaves free: the records of living sessions need the space more than an old copy does."""

PARTIAL = ".partial"
LEFT_S = 3600
"""How old a copy that was not finished is when it counts as left by a kill."""

_NAME = re.compile(r".+-(\d{8}T\d{6}Z)(-daily)?-schema(\d+)\.db(?:-\d+)?")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup by its name. `made_at` is wall µs; `is_daily` is false for one made before an upgrade."""

    path: Path
    made_at: int
    schema: int
    is_daily: bool


def back_up(database: peewee.SqliteDatabase, path: Path, now_wall: int, version: int) -> Path:
    """Copy the database before an upgrade, and delete the oldest such copies. Not inside a transaction."""
    target = _target(path, now_wall, f"schema{version}")
    with _making(target) as part:
        run(database, "VACUUM INTO ?", (str(part),))
    _drop_old(path, is_daily=False)
    return target


def back_up_daily(path: Path, now_wall: int, *, free: Callable[[Path], int] = free_bytes) -> Path | None:
    """Copy the database as `back_up_now` does, unless a daily copy of the last 24 hours exists."""
    # One dated in the future was made while the clock was wrong: it must not keep others from being made.
    if any(one.is_daily and 0 <= now_wall - one.made_at < DAY for one in backups(path)):
        return None
    return back_up_now(path, now_wall, free=free)


def back_up_now(path: Path, now_wall: int, *, free: Callable[[Path], int] = free_bytes) -> Path:
    """Copy the database to the daily copies, and delete the oldest of them.

    Reads over a connection of its own, so that no writer waits.

    Raises:
        DiskFull: too little would be left free; nothing was written.
    """
    size = sum(file.stat().st_size for file in (path, *sidecar_files(path)) if file.exists())
    if free(path) < size + FREE_BYTES_LEFT:
        raise DiskFull(f"no backup: too little space is left in {path.parent}", "free space there")
    target = _target(path, now_wall, f"daily-schema{_version(path)}")
    copy(path, target)
    _drop_old(path, is_daily=True)
    return target


def copy(path: Path, target: Path) -> None:
    """Copy a database, which may be in use, into a new private file; whole, or not at all.

    Raises:
        Corrupt: it is damaged.
        DiskFull, Misconfigured: the copy cannot be written, or exists.
    """
    with _making(target) as part, map_errors(path), closing(_read_only(path)) as database:
        database.execute("VACUUM INTO ?", (str(part),))


def backups(path: Path) -> list[Backup]:
    """The backups of this database, the newest first. Files with other names are not ours."""
    found = []
    for file in (path.parent / "backups").glob(f"{path.stem}-*.db*"):
        if name := _NAME.fullmatch(file.name):
            made = datetime.strptime(name[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            found.append(Backup(file, round(made.timestamp()) * SECOND, int(name[3]), bool(name[2])))
    return sorted(found, key=lambda one: (one.made_at, one.path.stat().st_mtime_ns, one.path.name), reverse=True)


@contextmanager
def _making(target: Path) -> Iterator[Path]:
    """Around the making of a copy, under a name that is no backup's: private before anything is in it, gone where it
    failed, and the backup once it is durable. What a kill leaves would otherwise pass for the newest backup.
    """
    part = free_name(target.with_name(target.name + PARTIAL))
    try:
        target.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        # VACUUM INTO takes an empty file, and keeps its mode.
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            _remove_left(part, handle)
            with map_errors(target):
                yield part
            os.fsync(handle)
            if target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            part.rename(target)
        except BaseException:
            part.unlink()
            raise
        finally:
            os.close(handle)
        sync(target.parent)
    except OSError as error:
        raise file_error(target, error) from error


def _remove_left(part: Path, handle: int) -> None:
    """Remove backups that were not finished; a young one may be another program's, which is making it now."""
    now = os.fstat(handle).st_mtime
    for file in part.parent.glob(f"*.db*{PARTIAL}*"):
        with suppress(FileNotFoundError):
            if _NAME.fullmatch(file.name.partition(PARTIAL)[0]) and file.stat().st_mtime < now - LEFT_S:
                file.unlink()


def _target(path: Path, now_wall: int, kind: str) -> Path:
    return free_name(path.parent / "backups" / f"{path.stem}-{timestamp(now_wall)}-{kind}.db")


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None, timeout=5)


def _version(path: Path) -> int:
    with map_errors(path), closing(_read_only(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def _drop_old(path: Path, *, is_daily: bool) -> None:
    kept = [one for one in backups(path) if one.is_daily == is_daily]
    for old in kept[MAX_DAYS if is_daily else MAX_UPGRADES :]:
        old.path.unlink(missing_ok=True)
