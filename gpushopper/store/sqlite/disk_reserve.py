"""Space held for the day the disk is full, so that ends can still be recorded then (F67)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gpushopper.errors import DiskFull
from gpushopper.store.sqlite.database_files import FILE_MODE, free_bytes

RESERVE_BYTES = 4 * 2**20
MIN_FREE_BYTES = 64 * 2**20
"""The reserve is taken only where so much is free: taking it must never be what fills the disk."""

T = TypeVar("T")


def allocate(path: Path, *, free: Callable[[Path], int] = free_bytes) -> bool:
    """Take the reserve, if it is not held already and enough is free; whether it is held now.

    Nothing is said when there is no room for it: every command says that the disk is nearly full.
    """
    if _is_whole(path):
        return True
    if free(path) < MIN_FREE_BYTES:
        return False
    try:
        _write(path)
    except OSError:
        release(path)
        return False
    return True


def release(path: Path) -> bool:
    """Free the reserve; whether there was one. One byte would do for a small file, so all of it is given at once."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def with_reserve(path: Path, step: Callable[[], T]) -> T:
    """Do one step that ends or watches what is rented; on a full disk give the reserve up and do it once more.

    The step must be repeatable. Never for what rents something new: that must not use up the room of the ends.

    Raises:
        DiskFull: there is no reserve any more, or it was not enough.
    """
    try:
        return step()
    except DiskFull:
        if not release(path):
            raise
    return step()


def _is_whole(path: Path) -> bool:
    """A reserve that was cut short on a full disk would hold less than it promises."""
    try:
        return path.stat().st_size == RESERVE_BYTES
    except OSError:
        return False


def _write(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        # Random bytes: zeros take no space on a file system that compresses.
        left = memoryview(os.urandom(RESERVE_BYTES))
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)
