"""Write files that only their owner can read: mode 0600, atomic, durable (fsync) on return (F110, I23)."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER_MODE = 0o700


def private_folder(folder: Path) -> Path:
    """Make a folder that only this user can enter, whatever the umask.

    Raises:
        OSError: it cannot be made, is a link or belongs to another user, or its mode cannot be changed.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} is not a folder of ours")
    if folder.stat().st_mode & 0o077:
        folder.chmod(FOLDER_MODE)
    return folder


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep other processes from changing this file meanwhile: of two changes at the same time one would be lost.

    The folder is locked, because each change replaces the file. Waits for whoever has it.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_private(path: Path, text: str) -> None:
    """Replace a file's content atomically; it is 0600 from the first byte."""
    file, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(file, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """fsync a file's content, or a folder's names."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
