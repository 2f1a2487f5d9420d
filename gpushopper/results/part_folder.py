"""The folder here that a pull fills: `NAME-DIR.DIGEST.partial`, until all of it has arrived and got its final name.

Only files that were listed are written, each below this folder, never through a link; links are made last. A file is
complete once it has the mtime that was listed: what is complete is not fetched again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count

from gpushopper.errors import Refused
from gpushopper.results.archive import FILE, HARD_LINK, Member
from gpushopper.results.entries import Entry, Kind
from gpushopper.results.to_disk import to_disk

PARTIAL = ".partial"
LONGEST = 80
"""Characters of a new folder's name before the rest of it."""
_CHUNK = 1024 * 1024


def folder_name(session: str, folder: str) -> str:
    """`train-out`: the session and the last name of the folder there, in letters that every file system takes."""
    last = folder.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", f"{session}-{last}" if last.strip(".~") else session)[:LONGEST]


class PartFolder:
    """One such folder. `key` tells pulls apart: another session, or another folder of it, has another one."""

    def __init__(self, local: str, name: str, key: str) -> None:
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        self.local, self.name = local, name
        self.path = os.fsencode(os.path.join(local, f"{name}.{digest}{PARTIAL}"))
        self._lock: int | None = None

    def prepare(self, entries: Iterable[Entry]) -> dict[bytes, Entry]:
        """Make the folders in it; the files that it has already, from a pull that was cut. It is ours until `release`.

        Raises:
            Refused: something that is not ours is in the way, or another pull fills it.
        """
        os.makedirs(self.local, exist_ok=True)
        if not os.path.lexists(self.path):
            os.mkdir(self.path, 0o700)
        facts = os.lstat(self.path)
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
            shown = os.fsdecode(self.path)
            raise Refused(f"{shown} is in the way", "it is not yours: name another folder", code="in_the_way")
        self._hold()
        for entry in entries:
            path = self.below(entry.path)
            if entry.kind is Kind.FOLDER and not _is_folder(path):
                _drop(path)
                os.mkdir(path, 0o700)
        return {entry.path: entry for entry in _entries(self.path, b"")}

    def _hold(self) -> None:
        """Two pulls never fill one folder: a lock that ends with its process, whatever happens to it."""
        if self._lock is not None:
            return
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise _taken(self.path) from None
        except OSError:
            os.close(handle)
            return  # a file system without locks
        if not os.path.lexists(self.path) or not os.path.samestat(os.fstat(handle), os.lstat(self.path)):
            os.close(handle)
            raise _taken(self.path)  # the other pull has just finished it
        self._lock = handle

    def release(self) -> None:
        """Let another pull fill it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def below(self, path: bytes) -> bytes:
        """The path of an entry of it."""
        return os.path.join(self.path, path)

    def finish(self, entries: Sequence[Entry], write: Callable[[bytes], None] = to_disk) -> str:
        """Make the links, remove what is not listed any more, and give it a name that nothing has yet; its path.

        Before and after it has that name all is written to the disk: a computer that loses its power has it still.
        """
        kept = {entry.path for entry in entries}
        stale = [found.path for found in _entries(self.path, b"") if found.path not in kept]
        for path in sorted(stale, reverse=True):
            _drop(self.below(path))
        for entry in entries:
            if entry.kind is Kind.LINK:
                _drop(self.below(entry.path))
                os.symlink(entry.target, self.below(entry.path))
        write(self.path)
        for number in count(1):
            final = os.path.join(self.local, self.name if number == 1 else f"{self.name}-{number}")
            try:
                os.mkdir(final, 0o700)  # ours from here on: renaming replaces an empty folder
            except FileExistsError:
                continue
            os.rename(self.path, final)
            write(os.fsencode(self.local))
            return final
        raise AssertionError("unreachable")

    def checksum(self, path: bytes, algorithm: str) -> str:
        """The checksum of a file in it; empty where it has not arrived."""
        return _checksum(self.below(path), algorithm)

    def cut_path(self, path: bytes) -> bytes:
        """Where what has arrived of a file is, until all of it has."""
        return _beside(self.below(path))

    def cut_size(self, path: bytes) -> int:
        """How many bytes have arrived of a file that was cut off; 0: none."""
        try:
            facts = os.lstat(self.cut_path(path))
        except OSError:
            return 0
        return facts.st_size if stat.S_ISREG(facts.st_mode) else 0

    def cut_checksum(self, path: bytes, algorithm: str) -> str:
        """The checksum of what has arrived."""
        return _checksum(self.cut_path(path), algorithm)

    def put(self, complete: bytes, path: bytes) -> None:
        """Give a file that has arrived its name."""
        final = self.below(path)
        if _is_folder(final):
            _drop(final)
        os.replace(complete, final)


def _taken(path: bytes) -> Refused:
    return Refused(f"another pull fills {os.fsdecode(path)}", "wait until it has ended", code="pull_under_way")


def _checksum(path: bytes, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def unpack(folder: PartFolder, wanted: dict[bytes, Entry], items: Iterable[Member | bytes]) -> Iterator[bytes]:
    """Write the wanted files as they arrive; yields the path of each that is complete, which is wanted no more.

    Everything else in the stream is read past: other names, a name that came before, links and devices. A hard link
    becomes a copy of the file that it names.
    """
    arrived: set[bytes] = set()
    writer: _Writer | None = None
    try:
        for item in items:
            if isinstance(item, bytes):
                if writer is not None:
                    writer.write(item)
                    if writer.is_complete:
                        yield from _completed(writer, wanted, arrived)
                        writer = None
                continue
            path = item.path.removeprefix(b"./")
            entry = wanted.get(path)
            if entry is None or entry.kind is not Kind.FILE:
                continue
            if item.kind == FILE:
                writer = _Writer(folder, entry, item)
                if writer.is_complete:
                    yield from _completed(writer, wanted, arrived)
                    writer = None
            elif item.kind == HARD_LINK and item.target.removeprefix(b"./") in arrived:
                _copy(folder.below(item.target.removeprefix(b"./")), folder.below(path), entry)
                yield from _arrived(path, wanted, arrived)
    finally:
        if writer is not None:
            writer.close()


def _completed(writer: _Writer, wanted: dict[bytes, Entry], arrived: set[bytes]) -> Iterator[bytes]:
    writer.complete()
    yield from _arrived(writer.entry.path, wanted, arrived)


def _arrived(path: bytes, wanted: dict[bytes, Entry], arrived: set[bytes]) -> Iterator[bytes]:
    del wanted[path]
    arrived.add(path)
    yield path


class _Writer:
    """Writes one file under a name of its own, and moves it to its path when all of it is there."""

    def __init__(self, folder: PartFolder, entry: Entry, member: Member) -> None:
        self.entry, self._left, self._folder = entry, member.size, folder
        self._mtime = member.mtime
        self._new = folder.cut_path(entry.path)
        _drop(self._new)
        self._handle = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)

    @property
    def is_complete(self) -> bool:
        return self._left == 0

    def write(self, piece: bytes) -> None:
        self._left -= len(piece)
        while piece:
            piece = piece[os.write(self._handle, piece) :]

    def complete(self) -> None:
        try:
            os.fchmod(self._handle, mode_here(self.entry))
            os.utime(self._handle, (self._mtime, self._mtime))
        finally:
            self.close()
        self._folder.put(self._new, self.entry.path)

    def close(self) -> None:
        """A file that is cut stays under its own name until the next try."""
        os.close(self._handle)


def _beside(path: bytes) -> bytes:
    """Where a file is written first; no listed file has that name, for it is no valid one everywhere."""
    head, tail = os.path.split(path)
    return os.path.join(head, b".gs-" + hashlib.sha256(tail).hexdigest()[:32].encode() + b".part")


def mode_here(entry: Entry) -> int:
    """Permissions of a file from elsewhere: no setuid, nothing that others may write."""
    return entry.mode & 0o755 | 0o600


def _copy(source: bytes, target: bytes, entry: Entry) -> None:
    new = _beside(target)
    _drop(new)
    with open(source, "rb") as read, open(new, "xb") as write:
        shutil.copyfileobj(read, write, _CHUNK)
    facts = os.stat(source)
    os.chmod(new, mode_here(entry))
    os.utime(new, (int(facts.st_mtime), int(facts.st_mtime)))
    os.replace(new, target)


def _is_folder(path: bytes) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _drop(path: bytes) -> None:
    """Remove what is there, in a folder that is ours."""
    if _is_folder(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _entries(top: bytes, inner: bytes) -> Iterator[Entry]:
    with os.scandir(os.path.join(top, inner) if inner else top) as found:
        rows = list(found)
    for row in rows:
        path = os.path.join(inner, row.name) if inner else row.name
        facts = row.stat(follow_symlinks=False)
        kinds = {stat.S_IFDIR: Kind.FOLDER, stat.S_IFREG: Kind.FILE, stat.S_IFLNK: Kind.LINK}
        kind = kinds.get(stat.S_IFMT(facts.st_mode), Kind.OTHER)
        yield Entry(path, kind, facts.st_mode & 0o777, facts.st_size, facts.st_mtime_ns // 10**9)
        if kind is Kind.FOLDER:
            yield from _entries(top, path)
