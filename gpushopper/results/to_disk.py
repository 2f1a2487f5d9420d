"""Has all of a folder written to its disk: its instance is destroyed once it is told that this is here (F125)."""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


def to_disk(folder: bytes) -> None:
    """Write what the file system of this folder still has in memory; one call, however many files there are.

    Where the system has no such call, all file systems are written.

    Raises:
        OSError: the disk took not all of it.
    """
    syncfs = getattr(_libc, "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(handle):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)
    finally:
        os.close(handle)
