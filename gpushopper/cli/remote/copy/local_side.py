"""This computer's side of a copy: inspect paths, prepare the part folder, move files into place.

What comes from an instance is not trusted: files are written into a part folder without links, links are made last,
and nothing is moved through a link.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gpushopper.cli.remote.copy.copy_errors import full_here
from gpushopper.cli.remote.copy.entries import is_excluded
from gpushopper.cli.remote.copy.path_arguments import below, folder_of, last_name, to_text
from gpushopper.cli.remote.copy.planning import Job, PathInfo
from gpushopper.errors import Refused, ShopperError
from gpushopper.results.entries import Entry, Kind, check_listing


class LocalSide:
    """Reads and writes files here; what one of the `patterns` excludes is not read, and need not be readable."""

    where = ""

    def __init__(self, patterns: Sequence[bytes] = ()) -> None:
        self._patterns = patterns

    def inspect(self, paths: Sequence[bytes]) -> dict[bytes, PathInfo]:
        """What each path is here."""
        return {path: _path_info(path) for path in paths}

    def entries(self, folder: bytes) -> list[Entry]:
        """Every entry of a folder, however deep.

        Raises:
            ShopperError: something in it cannot be read.
        """
        with os_errors():
            return check_listing(_entries(folder, b"", self._patterns))

    def prepare(self, job: Job) -> list[Entry]:
        """Make the part folder; returns what it contains from an earlier, cut-off copy."""
        with os_errors():
            if job.replaces_parts:
                _drop_others(job)
            if os.path.lexists(job.part):
                _check_own(job.part)
            else:
                os.makedirs(folder_of(job.part), exist_ok=True)
                os.mkdir(job.part, 0o700)
            return check_listing(_entries(job.part, b""))

    def clean(self, job: Job, stale: Sequence[bytes], folders: Sequence[Entry]) -> None:
        """Remove `stale` paths from the part folder, and make its folders."""
        with os_errors():
            for path in stale:
                _remove(below(job.part, path))
            for folder in folders:
                path = below(job.part, folder.path)
                os.makedirs(path, exist_ok=True)
                os.chmod(path, 0o700)

    def move_into_place(self, job: Job) -> None:
        """Make links and set modes, then move everything from the part folder to its final path."""
        with os_errors():
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
def os_errors() -> Iterator[None]:
    """Turn an OSError into a ShopperError with one clear line.

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


def create_file(path: bytes, *, resume: bool = False) -> int:
    """Open a file in a part folder for writing, never through a link; `resume` keeps its content."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (0 if resume else os.O_TRUNC)
    return os.open(path, flags, 0o600)


def complete_file(handle: int, mode: int, mtime: int) -> None:
    """Set mode and mtime of a complete file; the mtime marks it as complete."""
    os.fchmod(handle, mode & 0o777)
    os.utime(handle, (mtime, mtime))


def _path_info(path: bytes) -> PathInfo:
    has_parent = os.path.isdir(folder_of(path))
    try:
        facts = os.stat(path)
    except OSError:
        return PathInfo(path, "dangling" if os.path.islink(path) else "none", path, has_parent)
    what = "folder" if stat.S_ISDIR(facts.st_mode) else "file" if stat.S_ISREG(facts.st_mode) else "other"
    mode = facts.st_mode & 0o777
    return PathInfo(path, what, os.path.realpath(path), has_parent, mode, facts.st_size, int(facts.st_mtime // 1))


def _entries(top: bytes, inner: bytes, patterns: Sequence[bytes] = ()) -> Iterator[Entry]:
    """Entries of a folder; `inner` is the path from `top` to the folder."""
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
    """Refuse a part folder that belongs to another user: it could contain anything."""
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
        os.chmod(top, 0o700)  # before its entries are listed: walk is lazy
    shutil.rmtree(path)


def _link(entry: Entry, path: bytes) -> None:
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(entry.target, path)


def _moves(job: Job) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of part path and final path; new folders move as a whole. A file that rsync did not send is skipped."""
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
    """Set the modes of folders after the moves, since a read-only folder cannot be moved.

    A folder that is still in the part folder existed at the target before, and keeps its mode.
    """
    for entry in reversed(job.entries):
        is_ours = top == job.part or not os.path.lexists(below(job.part, entry.path))
        if entry.kind is Kind.FOLDER and is_ours:
            os.chmod(below(top, entry.path), entry.mode)
