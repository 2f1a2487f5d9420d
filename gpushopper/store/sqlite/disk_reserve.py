"""The disk reserve: a file that is deleted when the disk is full, so that sessions can still be ended (F67)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gpushopper.errors import DiskFull
from gpushopper.store.sqlite.database_files import FILE_MODE, free_bytes

RESERVE_BYTES = 4 * 2**20
MIN_FREE_BYTES = 64 * 2**20
"""The reserve is allocated only when this much is free, so that it never fills the disk itself."""

T = TypeVar("T")


def allocate(path: Path, *, free: Callable[[Path], int] = free_bytes) -> bool:
    """Allocate the reserve unless it exists, if enough is free; whether it exists now.

    Silent when there is no space: every command warns that the disk is nearly full.
    """
    if _is_complete(path):
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
    """Delete the reserve; whether there was one. It is small, so all of it is freed at once."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def with_reserve(path: Path, step: Callable[[], T]) -> T:
    """Run a step that ends or monitors sessions; on a full disk release the reserve and run it once more.

    The step must be repeatable. Not for provisioning, which must not use the space needed to end sessions.

    Raises:
        DiskFull: there is no reserve any more, or it was not enough.
    """
    try:
        return step()
    except DiskFull:
        if not release(path):
            raise
    return step()


def _is_complete(path: Path) -> bool:
    """Whether the file has its full size; an incomplete one does not count."""
    try:
        return path.stat().st_size == RESERVE_BYTES
    except OSError:
        return False


def _write(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        # Random bytes: zeros would take no space on a file system that compresses.
        left = memoryview(os.urandom(RESERVE_BYTES))
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)
