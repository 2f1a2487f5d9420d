"""The job `audit log`: each event that is an act is appended to the log once, in order, chained to the line before.

An act is first durable in the database, with what it changes, and in the file some seconds later; a crash in between
loses nothing, because the last line says how far it has come. Lines are only ever appended. What a crash has left
without an end of line is cut off: it is written again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from gpushopper.core.audit_chain import ACTS, BEGUN, FIRST, Act, digest, read_line, write_line
from gpushopper.engine.context import Context
from gpushopper.private_files import sync
from gpushopper.store import events
from gpushopper.wire import EventView

AT_ONCE = 500
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class AuditLog:
    """The file of one home, written by one daemon; `step` is called again and again by a job."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._path = ctx.home.audit_log
        self._seen: int | None = None
        """The last change of the rows that was taken in."""
        self._end: tuple[int, int, int] | None = None
        """Device, inode and size of the file after the last whole line; None where the file must be read."""
        self._database = ""
        self._previous = FIRST
        self._cursor = 0

    def step(self) -> None:
        """Append what has been recorded since.

        What a full disk has left of a line is cut off by the next step, which goes on from where this one knows to be:
        it may be tried for days, and the file is long.

        Raises:
            OSError: the file cannot be written; unless there is no room, the next step begins from what it holds.
        """
        change = self.ctx.store.last_change
        if change == self._seen:
            return
        with self._opened() as file:
            known, self._end = self._end, None  # read the file again after any other failure
            if not _is_at(file, known):
                self._resume(file)
            try:
                while found := events.after(self.ctx.store, self._cursor, AT_ONCE):
                    known = _place(file)
                    self._append(file, [_act(self._database, event) for event in found if event.kind in ACTS])
                    self._cursor = found[-1].id
            except OSError as error:
                self._end = known if error.errno in NO_ROOM else None
                raise
            self._end = _place(file)
        self._seen = change

    @contextmanager
    def _opened(self) -> Iterator[int]:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o600)
        try:
            yield file
        finally:
            os.close(file)

    def _resume(self, file: int) -> None:
        """Go on where the file ends: with the next event of the same database, or with the first one of another."""
        self._cut_torn_line(file)
        self._previous, last = FIRST, None
        with open(os.dup(file), encoding="utf-8", errors="replace", newline="\n") as lines:
            lines.seek(0)
            for text in lines:
                self._previous = digest(text.rstrip("\n"))
                found = read_line(text.rstrip("\n"))
                last = last if found is None else found.act
        self._database = self._database_id()
        if last is not None and last.database == self._database:
            self._cursor = last.event
            return
        self._cursor = 0
        self._append(file, [Act(self._database, 0, self.ctx.clock.now().wall, BEGUN, "the log of a database begins")])
        sync(self._path.parent)

    def _database_id(self) -> str:
        """What tells this database from one that was rebuilt or replaced: made once, and stored in it."""
        found = events.database_id(self.ctx.store)
        if not found:
            found = self.ctx.new_id(16)
            with self.ctx.store.transaction():
                events.set_database_id(self.ctx.store, found)
        return found

    def _append(self, file: int, acts: list[Act]) -> None:
        """Write lines, durable on return."""
        if not acts:
            return
        text, previous = "", self._previous
        for act in acts:
            line = write_line(act, previous)
            previous, text = digest(line), f"{text}{line}\n"
        data = text.encode()
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
        self._previous = previous

    def _cut_torn_line(self, file: int) -> None:
        end = os.fstat(file).st_size
        position = end
        while position > 0:
            begin = max(0, position - 4096)
            piece = os.pread(file, position - begin, begin)
            if (at := piece.rfind(b"\n")) >= 0:
                position = begin + at + 1
                break
            position = begin
        if position != end:
            os.ftruncate(file, position)


def _place(file: int) -> tuple[int, int, int]:
    found = os.fstat(file)
    return found.st_dev, found.st_ino, found.st_size


def _is_at(file: int, known: tuple[int, int, int] | None) -> bool:
    """Whether the file is the one that was written to last, as long as it was then; what is beyond that is cut off."""
    found = _place(file)
    if known is None or found[:2] != known[:2] or found[2] < known[2]:
        return False
    if found[2] > known[2]:
        os.ftruncate(file, known[2])
    return True


def _act(database: str, event: EventView) -> Act:
    return Act(
        database, event.id, event.at, event.kind, event.text, event.session, event.attempt, dict(event.data or {})
    )
