"""Whole copies of the database, the newest five kept."""

from __future__ import annotations

import os
from pathlib import Path

import peewee

from gpushopper.private_files import FOLDER_MODE, sync
from gpushopper.store.sqlite.database_files import FILE_MODE, free_name, stamp, unusable
from gpushopper.store.sqlite.error_mapping import translated
from gpushopper.store.sqlite.statements import run

KEEP = 5


def back_up(database: peewee.SqliteDatabase, path: Path, now_wall: int, version: int) -> Path:
    """Copy the database beside itself, private and durable, and drop the oldest copies. Not inside a transaction."""
    folder = path.parent / "backups"
    target = free_name(folder / f"{path.stem}-{stamp(now_wall)}-schema{version}.db")
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        # VACUUM INTO takes an empty file, and keeps its mode.
        handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            with translated(target):
                run(database, "VACUUM INTO ?", (str(target),))
            os.fsync(handle)
        except BaseException:
            target.unlink()  # a half copy must not push out a whole one
            raise
        finally:
            os.close(handle)
        _drop_old(folder, path.stem)
        sync(folder)
    except OSError as error:
        raise unusable(target, error) from error
    return target


def _drop_old(folder: Path, stem: str) -> None:
    kept = sorted(folder.glob(f"{stem}-*-schema*.db*"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    for old in kept[:-KEEP]:
        old.unlink()
