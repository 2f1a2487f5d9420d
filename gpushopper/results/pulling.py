"""One pull: list a folder there, copy it here, verify it by size and checksum, and give it its final name (E8, F125).

A file that changes while it is copied is copied up to three times, and then named; that is no failure. A file whose
checksum stays another than there although nothing changed it, is one: then the folder keeps its `.partial`.
"""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from gpushopper.errors import DiskFull, ShopperError
from gpushopper.results.archive import BadArchive, CutOff, read_archive
from gpushopper.results.checksums import checksums
from gpushopper.results.cut_files import append, rest_script, same_beginnings
from gpushopper.results.entries import Entry, Kind, as_text, check_listing, points_out
from gpushopper.results.link import Link, LinkLost
from gpushopper.results.listing import LIST, START, batches, quoted, read_listing, words
from gpushopper.results.part_folder import PartFolder, folder_name, unpack
from gpushopper.results.to_disk import to_disk

MOST_BYTES = 50 * 10**9
"""Bytes of one pull, where no other limit is set."""
LEAST_FREE = 2 * 10**9
"""Bytes that a pull leaves free here."""
MOST_COPIES = 3
LISTING_LIMIT = 64_000_000
_SPARE = 64 * 1024 * 1024
"""Bytes of headers, padding and grown files by which a stream may be longer than what was listed."""
_CHECK_EVERY = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What to pull: a folder of a session's instance into a new folder under `local`."""

    session_id: str
    session: str
    folder: str
    local: str
    most_bytes: int = MOST_BYTES


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is; `bytes` and `files` count what has arrived, this time or before."""

    files: int = 0
    bytes: int = 0
    total_files: int = 0
    total_bytes: int = 0


@dataclass(slots=True)
class Pulled:
    """What has come home. `left_out`: links that lead out and special files; `changed`: files that never stood still.

    `folder` is empty until it has its final name. `checksum` names what the files were verified by; empty where the
    instance has no program for it.
    """

    folder: str
    files: int = 0
    bytes: int = 0
    left_out: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    checksum: str = ""


class Pull:
    """A pull under way."""

    def __init__(
        self,
        link: Link,
        request: PullRequest,
        report: Callable[[Progress], None] = lambda progress: None,
        free: Callable[[str], int] = lambda path: shutil.disk_usage(path).free,
        write: Callable[[bytes], None] = to_disk,
    ) -> None:
        self.link, self.request, self._report, self._free, self._write = link, request, report, free, write
        name = folder_name(request.session, request.folder)
        self.part = PartFolder(request.local, name, f"{request.session_id}:{request.folder}")
        self._folder = quoted(_from_home(request.folder))
        self._copies: Counter[bytes] = Counter()
        self._verified: dict[bytes, tuple[int, int]] = {}
        self._wrong: set[bytes] = set()
        """Files whose checksum was another one; their size and time may be right."""
        self._left_out: list[Entry] = []
        self._kept: list[Entry] = []
        self._total = self._arrived = self._done = self._unchecked = 0
        self._files = self._listed = 0
        self._algorithm = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Let another pull fill its folder."""
        self.part.release()

    def perform(self) -> Pulled:
        """Pull all of it.

        Raises:
            LinkLost: the connection broke; what has arrived is kept, and the next pull goes on from there.
            DiskFull: no room is left here.
            ShopperError: it is larger than allowed, cannot be read there, or is not what it should be.
        """
        with self:
            return self.finish(self.fetch())

    def fetch(self) -> Pulled:
        """Copy and verify all of it, under a name that is not yet final; raises as `perform` does."""
        while True:
            entries = self._list()
            files = {entry.path: entry for entry in entries if entry.kind is Kind.FILE}
            have = self.part.prepare(entries)
            due = {path: e for path, e in files.items() if self._verified.get(path) != (e.size, e.mtime)}
            changed = [path for path in due if self._copies[path] >= MOST_COPIES]
            todo = {path: entry for path, entry in due.items() if path not in changed}
            if not todo:
                return self._fetched(entries, files, changed)
            self._count(files, todo, have)
            is_here = {path for path, e in todo.items() if e.is_same_file(have.get(path)) and path not in self._wrong}
            self._fetch({path: entry for path, entry in todo.items() if path not in is_here})
            self._verify(todo)

    def _list(self) -> list[Entry]:
        answer = self.link.run(START + LIST + b"list %s\n" % self._folder, LISTING_LIMIT)
        try:
            found = check_listing(read_listing(answer))
        except (ValueError, KeyError):
            raise ShopperError("the instance's list of files cannot be read", code="bad_listing") from None
        folders = {entry.path for entry in found if entry.kind is Kind.FOLDER}
        self._left_out = [
            entry for entry in found
            if entry.kind is Kind.OTHER or (entry.kind is Kind.LINK and points_out(entry, folders))
        ]  # fmt: skip
        out = {entry.path for entry in self._left_out}
        return [entry for entry in found if entry.path not in out]

    def _count(self, files: dict[bytes, Entry], todo: dict[bytes, Entry], have: dict[bytes, Entry]) -> None:
        arrived = [e for path, e in files.items() if path not in todo or e.is_same_file(have.get(path))]
        self._files, self._arrived = len(arrived), sum(entry.size for entry in arrived)
        self._total, self._done = sum(entry.size for entry in files.values()), 0
        self._unchecked = _CHECK_EVERY
        self._listed = len(files)
        self._add(0)

    # ---- copying

    def _fetch(self, wanted: dict[bytes, Entry]) -> None:
        """Copy these: what was cut off from where it was, the others from their beginning."""
        if not wanted:
            return
        self._copies.update(list(wanted))
        try:
            gone_on = self._go_on(wanted)
            self._unpack({path: entry for path, entry in wanted.items() if path not in gone_on})
        except OSError as error:
            raise _local_fault(error) from error

    def _go_on(self, wanted: dict[bytes, Entry]) -> set[bytes]:
        found = same_beginnings(self.link, self._folder, self.part, wanted)
        gone_on = set()
        for path, size in found.items():
            entry, before = wanted[path], self._done
            self._arrived += size
            script = rest_script(self._folder, path, size, entry.size - size)
            if append(self.part, entry, size, self._bounded(script, entry.size - size)):
                gone_on.add(path)
                self._files += 1
            else:
                self._arrived, self._done = self._arrived - size, before
            self._show()
        return gone_on

    def _unpack(self, wanted: dict[bytes, Entry]) -> None:
        if not wanted:
            return
        lines = [START, b"cd -- %s || exit 9\n" % self._folder]
        for some in batches([b"./" + path for path in wanted]):
            lines.append(b"tar -cf - %s </dev/null 2>/dev/null\n" % words(some))
        script = b"".join([*lines, b"exit 0\n"])
        most = sum(entry.size for entry in wanted.values()) + 4096 * len(wanted) + _SPARE
        try:
            for _ in unpack(self.part, dict(wanted), read_archive(self._bounded(script, most))):
                self._files += 1
                self._show()
        except CutOff:
            raise LinkLost("the connection was lost") from None
        except BadArchive as error:
            raise ShopperError(f"the instance sends no archive: {error}", code="bad_archive") from None

    def _bounded(self, script: bytes, most: int) -> Iterator[bytes]:
        """The stream, as long as it keeps to its limits: what was listed, --pull-max, and free room here."""
        most += self._done
        for piece in self.link.stream(script):
            self._add(len(piece))
            if self._done > most:
                raise ShopperError("the instance sends more than it has listed", code="bad_archive")
            yield piece

    def _add(self, count: int) -> None:
        self._done += count
        self._unchecked += count
        if self._arrived + self._done > self.request.most_bytes:
            text = f"stopped at {self.request.most_bytes / 1e9:g} GB (--pull-max)"
            raise ShopperError(text, self._by_hand("PATH"), code="pull_max")
        if self._unchecked >= _CHECK_EVERY:
            self._unchecked = 0
            if self._free(self.request.local) < LEAST_FREE:
                raise DiskFull("stopped: less than 2 GB would be left free here", "free space, then pull again")
        self._show()

    def _by_hand(self, path: str) -> str:
        """How to copy a path of the folder without a pull."""
        whole = f"{self.request.session}:{self.request.folder}/{path}"
        return f"copy it yourself: gpu-shopper cp {shlex.quote(whole)} ."

    def _show(self) -> None:
        """Headers and padding count as bytes of the stream, not of the results."""
        self._report(Progress(self._files, min(self._arrived + self._done, self._total), self._listed, self._total))

    # ---- verifying

    def _verify(self, todo: dict[bytes, Entry]) -> None:
        """Compare checksums, and note the size and time for which a file is the same here and there."""
        self._algorithm, sums = checksums(self.link, self._folder, [(path, None) for path in todo])
        have = self.part.prepare(())
        for path, entry in todo.items():
            is_same = entry.is_same_file(have.get(path))
            if self._algorithm:
                is_same = path in sums and self.part.checksum(path, self._algorithm) == sums[path]
            if is_same:
                self._verified[path] = (entry.size, entry.mtime)
            (self._wrong.discard if is_same else self._wrong.add)(path)

    def _fetched(self, entries: list[Entry], files: dict[bytes, Entry], changed: Sequence[bytes]) -> Pulled:
        have = self.part.prepare(())
        lost = [path for path in changed if path not in have or files[path].is_same_file(have.get(path))]
        if lost:
            what = "with another checksum than it has there" if lost[0] in have else "not at all: it cannot be read"
            text = f"{as_text(lost[0])} arrives {what}"
            raise ShopperError(text, self._by_hand(as_text(lost[0])), code="not_verified_copy")
        self._kept = [entry for entry in entries if entry.kind is not Kind.FILE or entry.path in have]
        size = sum(have[path].size for path in files if path in have)
        left_out = [as_text(entry.path) for entry in self._left_out]
        count = sum(path in have for path in files)
        return Pulled("", count, size, left_out, [as_text(path) for path in changed], self._algorithm)

    def finish(self, fetched: Pulled) -> Pulled:
        """Give what was fetched a name that nothing has yet.

        Raises:
            ShopperError: it cannot be renamed here, or the disk here took not all of it.
        """
        try:
            return replace(fetched, folder=self.part.finish(self._kept, self._write))
        except OSError as error:
            raise _local_fault(error) from error


def _from_home(folder: str) -> bytes:
    """A folder there: relative paths start in the home folder, as `~` does; never an option."""
    path = folder.encode("utf-8", "surrogateescape")
    if path == b"~" or path.startswith(b"~/"):
        path = path[2:].lstrip(b"/")
    return path if path.startswith(b"/") else b"./" + path


def _local_fault(error: OSError) -> ShopperError:
    if error.errno in (28, 122):
        return DiskFull("the disk here is full", "free space, then pull again")
    name = error.filename
    shown = as_text(name) if isinstance(name, bytes) else str(name or "a file here")
    return ShopperError(f"{shown}: {(error.strerror or str(error)).lower()}", code="copy_failed")
