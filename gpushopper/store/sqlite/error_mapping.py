"""What can go wrong with the database, in the words of the error tree."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee

from gpushopper.errors import DiskFull, Misconfigured, ShopperError


class Corrupt(Misconfigured):
    """The file cannot be trusted: set it aside and adopt from the providers' lists (D12, S21)."""

    code = "database_corrupt"


ConstraintViolation = peewee.IntegrityError
"""A rule of the database, trigger or index, refused a change that the code should never have asked for."""


class Stale(Exception):
    """A guarded update met a row that has moved on: look again; an instance id becomes a discovery (I16, F120)."""

    def __init__(self, table: str, row_id: str) -> None:
        super().__init__(f"{table} {row_id} has changed since it was read")
        self.table = table
        self.row_id = row_id


@contextmanager
def map_errors(path: Path) -> Iterator[None]:
    """Turn what the system says about the file into our errors; broken rules of the schema pass unchanged."""
    try:
        yield
    # Peewee wraps what a statement raises when it starts, not what comes while its rows are read.
    except (peewee.DatabaseError, sqlite3.DatabaseError) as error:
        known = _known_error(error, path)
        if known is None:
            raise
        raise known from error


def _known_error(error: Exception, path: Path) -> ShopperError | None:
    extended = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    if not isinstance(extended, int):
        return None
    code = extended & 0xFF
    if _is_full(code, extended, path):
        return DiskFull(f"the disk or quota is full: {path} could not be written", f"free space in {path.parent}")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Corrupt(f"the database {path} is damaged: {error}", "gpu-shopper daemon start sets it aside")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return read_only(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Misconfigured(f"another program holds {path}", "close what has it open", code="database_busy")
    if code == sqlite3.SQLITE_IOERR:
        return ShopperError(f"the disk failed under {path}: {error}", "check the disk", code="disk_error")
    return None


def _is_full(code: int, extended: int, path: Path) -> bool:
    """Whether the error is want of space (F67): of the disk, of a quota, of room for the shared memory or for a file.

    A quota and a file size limit come as a failed write, an exhausted disk as FULL. A file that could not be made
    comes as CANTOPEN, whatever the reason: there the file system is asked.
    """
    if code == sqlite3.SQLITE_FULL or extended in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE):
        return True
    if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return False
    try:
        state = os.statvfs(path.parent)
    except OSError:
        return False
    return state.f_bavail == 0 or (state.f_files > 0 and state.f_favail == 0)


def read_only(path: Path, why: str) -> Misconfigured:
    """The home folder takes no writes (F73)."""
    return Misconfigured(
        f"{path} cannot be written: {why}",
        f"make {path.parent} writable, or set GPU_SHOPPER_HOME to a folder that is",
        code="read_only",
    )
