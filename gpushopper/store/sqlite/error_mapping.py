"""Which error of errors.py an SQLite error becomes: disk full, damaged, read-only, busy."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import TracebackType

import peewee

from gpushopper.errors import DiskFull, Misconfigured, ShopperError


class Corrupt(Misconfigured):
    """The file is damaged: quarantine it, and adopt instances from the providers' lists (D12, S21)."""

    code = "database_corrupt"


ConstraintViolation = peewee.IntegrityError
"""A trigger or constraint refused a change: a bug in the code that made it."""


class Stale(Exception):
    """Optimistic locking failed: the row has changed since it was read. Read it again and retry (I16, F120)."""

    def __init__(self, table: str, row_id: str) -> None:
        super().__init__(f"{table} {row_id} has changed since it was read")
        self.table = table
        self.row_id = row_id


class MappedErrors:
    """Turns errors about a file into those of errors.py; constraint violations pass unchanged. May be used again.

    A class, since it stands around every statement: a generator would take as long as the shortest of them.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # Peewee wraps errors at the start of a statement, but not those while its rows are fetched.
        if isinstance(error, peewee.DatabaseError | sqlite3.DatabaseError):
            known = _known_error(error, self._path)
            if known is not None:
                raise known from error


def map_errors(path: Path) -> MappedErrors:
    """Around statements: errors about this file become those of errors.py."""
    return MappedErrors(path)


def _known_error(error: Exception, path: Path) -> ShopperError | None:
    extended = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    if not isinstance(extended, int):
        return None
    code = extended & 0xFF
    if _is_full(code, extended, path):
        return DiskFull(f"the disk or quota is full: {path} could not be written", f"free space in {path.parent}")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Corrupt(f"the database {path} is damaged: {error}", "to move it aside: gpu-shopper daemon start")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return read_only(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Misconfigured(f"another program holds {path}", "close what has it open", code="database_busy")
    if code == sqlite3.SQLITE_IOERR:
        return ShopperError(f"the disk failed under {path}: {error}", "check the disk", code="disk_error")
    return None


def _is_full(code: int, extended: int, path: Path) -> bool:
    """Whether the cause is missing space (F67): on disk, in a quota, for shared memory, or for another file.

    A quota and a file size limit are reported as a failed write, an exhausted disk as FULL. A file that could not be
    created is CANTOPEN, whatever the reason: then the file system's free space decides.
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
    """The error for a home folder that cannot be written (F73)."""
    return Misconfigured(
        f"{path} cannot be written: {why}",
        f"make {path.parent} writable, or set GPU_SHOPPER_HOME to a folder that is",
        code="read_only",
    )
