"""Crash points at the seams of the product: commits, sends, replies, file writes (S30, safety.md C1).

A `Crash` is kill -9: it passes through every `except Exception`, and whoever plays the user then drops the process and
starts another. Points are counted, not named, so that new code brings its own.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import peewee


class Crash(BaseException):
    """The process ends here; not an Exception, as kill -9 is none."""


class CrashPoints:
    """Every point a run passes, and those at which it dies: hit numbers from 1, in the order of the run."""

    def __init__(self, crash_at: Iterable[int] = ()) -> None:
        self.crash_at = frozenset(crash_at)
        self.hits: list[str] = []
        self.crashed: list[str] = []
        self.is_armed = True

    def hit(self, name: str) -> None:
        """Pass a point, or crash at it."""
        if not self.is_armed:
            return
        self.hits.append(name)
        if len(self.hits) in self.crash_at:
            self.crashed.append(name)
            raise Crash(name)

    def kinds(self) -> Counter[str]:
        """How often each kind of point was passed."""
        return Counter(self.hits)

    # ---- the seams

    def database_class(self) -> type[peewee.SqliteDatabase]:
        """A database whose transactions may die before they begin, before they commit and after they did."""
        points = self

        class CrashingDatabase(peewee.SqliteDatabase):
            def begin(self, lock_type: str | None = None) -> Any:
                points.hit("begin")
                return super().begin(lock_type)

            def commit(self) -> Any:
                points.hit("commit not done")
                done = super().commit()
                points.hit("commit done")
                return done

        return CrashingDatabase

    def on_submit(self, key: tuple[Any, ...]) -> None:
        """Before the call acts."""
        self.hit(f"{key[1]} not sent")

    def on_reply(self, key: tuple[Any, ...]) -> None:
        """After it acted, before its reply is taken."""
        self.hit(f"{key[1]} acted")

    def watch_files(self, folder: Path) -> FileWatch:
        """Die before a file under the folder is opened for writing, renamed or removed."""
        return FileWatch(self, folder)


_watches: list[FileWatch] = []
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class FileWatch:
    """A context in which the interpreter's audit events of one folder are points."""

    def __init__(self, points: CrashPoints, folder: Path) -> None:
        self.points = points
        self.folder = str(folder)

    def __enter__(self) -> FileWatch:
        _watches.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _watches.remove(self)

    def saw(self, event: str, args: tuple[Any, ...]) -> None:
        path = args[0]
        if isinstance(path, int) or not os.fsdecode(os.fspath(path)).startswith(self.folder):
            return
        if event == "open" and not (isinstance(args[2], int) and args[2] & _WRITES):
            return
        self.points.hit(f"file {event.removeprefix('os.')} {Path(os.fsdecode(os.fspath(path))).name}")


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _watches and event in ("open", "os.rename", "os.remove", "os.truncate"):
        for watch in list(_watches):
            watch.saw(event, args)


# An audit hook cannot be removed; without a watch it only reads one list.
sys.addaudithook(_audit)
