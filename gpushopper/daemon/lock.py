"""The daemon's lock (flock) on a home folder: one process at a time, taken before anything is read (D13, I15)."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from types import TracebackType

from gpushopper.errors import Refused
from gpushopper.paths import Home
from gpushopper.private_files import FOLDER_MODE
from gpushopper.store.sqlite.database_files import FILE_MODE, file_error


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the lock, for messages only; the flock excludes others. `started_at` is wall µs."""

    pid: int
    started_at: int
    version: str


class AlreadyRunning(Refused):
    """Another process holds this home."""

    code = "already_running"


class HomeLock:
    """The held lock. The kernel releases it when the process ends, however it ends; the file is never removed."""

    def __init__(self, file: int) -> None:
        self._file = file

    @classmethod
    def take(cls, home: Home, holder: Holder) -> HomeLock:
        """Take the lock or fail at once.

        Raises:
            AlreadyRunning: another process has it.
            Misconfigured: the home folder cannot be written.
            DiskFull: no space even for the lock file.
        """
        try:
            home.data.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            file = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise file_error(home.lock, error) from error
        try:
            # flock, not a POSIX record lock: those are lost by any stray close of the file (D13, measured).
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(file, holder)
        except BlockingIOError as busy:
            os.close(file)
            raise _already_running(home) from busy
        except OSError as error:
            os.close(file)
            raise file_error(home.lock, error) from error
        return cls(file)

    def release(self) -> None:
        """Release the lock; harmless when repeated."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> HomeLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def read_holder(home: Home) -> Holder | None:
    """What the last holder wrote; None when the file is absent or unreadable."""
    try:
        return Holder(**json.loads(home.lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write(file: int, holder: Holder) -> None:
    text = json.dumps(asdict(holder)).encode() + b"\n"
    # Overwrite with padding, then truncate: a concurrent reader sees the old or the new text, never an empty file.
    length = os.fstat(file).st_size
    os.pwrite(file, text.ljust(length), 0)
    os.ftruncate(file, len(text))


def _already_running(home: Home) -> AlreadyRunning:
    holder = read_holder(home)
    who = f"pid {holder.pid}, version {holder.version}" if holder else "another process"
    return AlreadyRunning(
        f"already running, {who}, in {home.data}",
        "see: gpu-shopper status; stop it, which touches no instance: gpu-shopper daemon stop",
    )
