"""This computer's side of a copy: what is here, the part folder, and the last move into place.

What comes from an instance is not trusted: files are written into a fresh part folder that holds no link, links are
made last, and nothing is moved through a link.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gpushopper.cli.remote.copy.entries import Entry, Kind, checked, is_excluded
from gpushopper.cli.remote.copy.path_arguments import below, folder_of, last_name, to_text
from gpushopper.cli.remote.copy.planning import Job, ObservedList
from gpushopper.cli.remote.copy.ssh_process import full_here
from gpushopper.errors import Refused, ShopperError


class LocalSide:
    """Reads and writes files here; what one of the `patterns` excludes is not looked at, and need not be readable."""

    where = ""

    def __init__(self, patterns: Sequence[bytes] = ()) -> None:
        self._patterns = patterns

    def look(self, paths: Sequence[bytes]) -> dict[bytes, ObservedList]:
        """What each path is."""
        return {path: _seen(path) for path in paths}

    def entries(self, folder: bytes) -> list[Entry]:
        """Every entry of a folder, however deep.

        Raises:
            ShopperError: something in it cannot be read.
        """
        with told():
            return checked(_entries(folder, b"", self._patterns))

    def prepare(self, job: Job) -> list[Entry]:
        """Make the part folder; what it holds from an earlier, cut-off copy."""
        with told():
            if job.replaces_parts:
                _drop_others(job)
            if os.path.lexists(job.part):
                _check_own(job.part)
            else:
                os.makedirs(folder_of(job.part), exist_ok=True)
                os.mkdir(job.part, 0o700)
            return checked(_entries(job.part, b""))

    def arrange(self, job: Job, stale: Sequence[bytes], folders: Sequence[Entry]) -> None:
        """Remove what does not belong into the part folder, and make its folders."""
        with told():
            for path in stale:
                _remove(below(job.part, path))
            for folder in folders:
                path = below(job.part, folder.path)
                os.makedirs(path, exist_ok=True)
                os.chmod(path, 0o700)

    def place(self, job: Job) -> None:
        """Make links and modes, then move everything from the part folder to its final place."""
        with told():
            for entry in job.entries:
                if entry.kind is Kind.LINK:
                    _link(entry, below(job.part, entry.path))
            if not job.creates_root:
                for source, final in _moves(job):
                    os.rename(source, final)
                _set_modes(job, job.root)
                _remove(job.part)
                return
            _set_modes(job, job.part)
            os.chmod(job.part, job.mode)
            os.rename(job.part, job.root)


@contextmanager
def told() -> Iterator[None]:
    """Turn what the system refuses into one clear line.

    Raises:
        ShopperError: a file here could not be read or written; DiskFull when there is no room.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full_here() from error
        name = error.filename
        shown = to_text(name) if isinstance(name, bytes) else str(name or "a file here")
        raise ShopperError(f"{shown}: {(error.strerror or str(error)).lower()}", code="copy_failed") from error


def create(path: bytes, *, goes_on: bool = False) -> int:
    """Open a file in a part folder for writing; never through a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (0 if goes_on else os.O_TRUNC)
    return os.open(path, flags, 0o600)


def finish(handle: int, mode: int, mtime: int) -> None:
    """Give a complete file its mode and time; the time says that it is complete."""
    os.fchmod(handle, mode & 0o777)
    os.utime(handle, (mtime, mtime))


def _seen(path: bytes) -> ObservedList:
    has_parent = os.path.isdir(folder_of(path))
    try:
        facts = os.stat(path)
    except OSError:
        return ObservedList(path, "dangling" if os.path.islink(path) else "none", path, has_parent)
    what = "folder" if stat.S_ISDIR(facts.st_mode) else "file" if stat.S_ISREG(facts.st_mode) else "other"
    mode = facts.st_mode & 0o777
    return ObservedList(path, what, os.path.realpath(path), has_parent, mode, facts.st_size, int(facts.st_mtime // 1))


def _entries(top: bytes, inner: bytes, patterns: Sequence[bytes] = ()) -> Iterator[Entry]:
    """Entries of a folder; `inner` is the part of their paths that is given so far."""
    folder = below(top, inner) if inner else top
    try:
        with os.scandir(folder) as found:
            rows = list(found)
    except PermissionError as error:
        raise _unreadable(folder) from error
    for row in rows:
        path = below(inner, row.name) if inner else row.name
        if is_excluded(path, patterns):
            continue
        entry = _entry(row, path)
        yield entry
        if entry.kind is Kind.FOLDER:
            yield from _entries(top, path, patterns)


def _entry(row: os.DirEntry[bytes], path: bytes) -> Entry:
    facts = row.stat(follow_symlinks=False)
    mode, mtime = facts.st_mode & 0o777, facts.st_mtime_ns // 10**9
    if stat.S_ISLNK(facts.st_mode):
        return Entry(path, Kind.LINK, mode, 0, mtime, os.readlink(row.path), not os.path.exists(row.path))
    if stat.S_ISDIR(facts.st_mode):
        return Entry(path, Kind.FOLDER, mode, 0, mtime)
    kind = Kind.FILE if stat.S_ISREG(facts.st_mode) else Kind.OTHER
    if kind is Kind.FILE and not os.access(row.path, os.R_OK):
        raise _unreadable(row.path)
    return Entry(path, kind, mode, facts.st_size, mtime)


def _unreadable(path: bytes) -> PermissionError:
    return PermissionError(errno.EACCES, "permission denied; leave it out with --exclude", path)


def _check_own(path: bytes) -> None:
    """A part folder of somebody else could hold anything."""
    facts = os.lstat(path)
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise Refused(f"{to_text(path)} is in the way", "it is not yours: copy to another folder", code="in_the_way")


def _drop_others(job: Job) -> None:
    folder = folder_of(job.part)
    if not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        path = below(folder, name)
        if name.startswith(job.part_prefix) and name != last_name(job.part) and os.path.isdir(path):
            _check_own(path)
            _remove(path)


def _remove(path: bytes) -> None:
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return
    for top, _, _ in os.walk(path):
        os.chmod(top, 0o700)  # before its entries are looked at: walk lists lazily
    shutil.rmtree(path)


def _link(entry: Entry, path: bytes) -> None:
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(entry.target, path)


def _moves(job: Job) -> Iterator[tuple[bytes, bytes]]:
    """What must be moved, folders that are new as a whole; a file that rsync did not need to send is not there."""
    whole: set[bytes] = set()
    for entry in job.entries:
        source, parent = below(job.part, entry.path), entry.path.rpartition(b"/")[0]
        final = below(job.root, job.renamed.get(entry.path, entry.path))
        if parent in whole:
            whole.add(entry.path)
        elif entry.kind is Kind.FOLDER and os.path.lexists(final):
            if os.path.islink(final) or not os.path.isdir(final):
                raise Refused(f"{to_text(final)} is not a folder", "move it away first", code="in_the_way")
        elif os.path.lexists(source):
            if entry.kind is Kind.FOLDER:
                whole.add(entry.path)
            yield source, final


def _set_modes(job: Job, top: bytes) -> None:
    """Give folders their modes, after the moves: one that may not be written to cannot be moved.

    A folder that still is in the part folder was there before and keeps its mode.
    """
    for entry in reversed(job.entries):
        is_ours = top == job.part or not os.path.lexists(below(job.part, entry.path))
        if entry.kind is Kind.FOLDER and is_ours:
            os.chmod(below(top, entry.path), entry.mode)
