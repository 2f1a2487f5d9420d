"""Backups of the database: where they are, how they are made, the newest five kept."""

from __future__ import annotations

import os
from pathlib import Path

import peewee

from gpushopper.private_files import FOLDER_MODE, sync
from gpushopper.store.sqlite.database_files import FILE_MODE, file_error, free_name, timestamp
from gpushopper.store.sqlite.error_mapping import map_errors
from gpushopper.store.sqlite.statements import run

MAX_BACKUPS = 5


def back_up(database: peewee.SqliteDatabase, path: Path, now_wall: int, version: int) -> Path:
    """Copy the database into `backups`, private and durable, and delete the oldest copies. Not inside a transaction."""
    folder = path.parent / "backups"
    target = free_name(folder / f"{path.stem}-{timestamp(now_wall)}-schema{version}.db")
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        # VACUUM INTO takes an empty file, and keeps its mode.
        handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            with map_errors(target):
                run(database, "VACUUM INTO ?", (str(target),))
            os.fsync(handle)
        except BaseException:
            target.unlink()  # an incomplete copy must not displace a complete one
            raise
        finally:
            os.close(handle)
        _drop_old(folder, path.stem)
        sync(folder)
    except OSError as error:
        raise file_error(target, error) from error
    return target


def _drop_old(folder: Path, stem: str) -> None:
    kept = sorted(folder.glob(f"{stem}-*-schema*.db*"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    for old in kept[:-MAX_BACKUPS]:
        old.unlink()
