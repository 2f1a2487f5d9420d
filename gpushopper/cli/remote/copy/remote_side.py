"""The instance's side of a copy: what is there, the part folder, and the last move into place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gpushopper.cli.remote.copy import scripts
from gpushopper.cli.remote.copy.entries import Entry, Kind, checked
from gpushopper.cli.remote.copy.planning import Job, ObservedList
from gpushopper.cli.remote.copy.ssh_process import ask
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

FOUND_WHAT = ("folder", "file", "other", "dangling", "none")
_TYPES = {0o040000: Kind.FOLDER, 0o100000: Kind.FILE, 0o120000: Kind.LINK}
_FORMAT = 0o170000


class RemoteSide:
    """Asks the instance's shell."""

    def __init__(self, found: ConnectionView) -> None:
        self.found = found
        self.where = f" on {found.name}"
        self.programs: frozenset[str] = frozenset()
        self.is_quiet = True
        """Whether the login's shell says nothing by itself, which rsync and sftp do not bear."""

    def look(self, paths: Sequence[bytes]) -> dict[bytes, ObservedList]:
        """What each path is; also learns which carriers the instance has."""
        answer = ask(self.found, scripts.look(paths))
        self.is_quiet = not answer.had_greeting
        first, *rest = answer.out.split(b"\0")
        self.programs = frozenset(first.decode("ascii", "replace").split())
        if len(rest) != len(paths) + 1:
            raise _unreadable(self.found)
        return {path: self._seen(path, line) for path, line in zip(paths, rest, strict=False)}

    def _seen(self, path: bytes, line: bytes) -> ObservedList:
        facts, _, real = line.partition(b"//")
        try:
            what, has_parent, raw, size, mtime = facts.decode("ascii").split()
            mode = int(raw, 16) & 0o777
            seen = ObservedList(path, what, real or path, has_parent == "1", mode, int(size), int(mtime))
        except ValueError as error:
            raise _unreadable(self.found) from error
        if what not in FOUND_WHAT or b"//" in real:
            raise _unreadable(self.found)
        return seen

    def entries(self, folder: bytes) -> list[Entry]:
        """Every entry of a folder, however deep."""
        return self._listed(ask(self.found, scripts.listing(folder)).out)

    def prepare(self, job: Job) -> list[Entry]:
        """Make the part folder; what it holds from an earlier, cut-off copy."""
        return self._listed(ask(self.found, scripts.prepare(job)).out)

    def arrange(self, job: Job, stale: Sequence[bytes], folders: Sequence[Entry]) -> None:
        """Remove what does not belong into the part folder, and make its folders."""
        if stale or folders:
            ask(self.found, scripts.arrange(job, stale, folders))

    def place(self, job: Job) -> None:
        """Move what arrived to its final place."""
        ask(self.found, scripts.place(job))

    def _listed(self, answer: bytes) -> list[Entry]:
        try:
            return checked(_entries(answer))
        except (ValueError, KeyError) as error:
            raise _unreadable(self.found) from error


def _entries(answer: bytes) -> Iterator[Entry]:
    """Read a listing: facts up to a line `=//`, then links, then `=0`, or `=1` when something could not be read.

    Raises:
        ValueError: this is no listing.
    """
    facts, at = [], 0
    while True:
        end = answer.index(b"//\n", at)
        record, at = answer[at:end], end + 3
        if record == b"=":
            break
        facts.append(record)
    *links, last, nothing = answer[at:].split(b"\0")
    if nothing or last not in (b"=0", b"=1"):
        raise ValueError("a cut-off listing")
    if last == b"=1":
        raise ShopperError("a folder there cannot be read completely", "look at its permissions, or try again")
    targets = dict(_link(line) for line in links)
    for record in facts:
        raw, size, mtime, path = record.split(b" ", 3)
        mode = int(raw, 16)
        kind = _TYPES.get(mode & _FORMAT, Kind.OTHER)
        target, dangles = targets[path] if kind is Kind.LINK else (b"", False)
        yield Entry(path.removeprefix(b"./"), kind, mode & 0o777, int(size), int(mtime), target, dangles)


def _link(line: bytes) -> tuple[bytes, tuple[bytes, bool]]:
    head, _, target = line.partition(b"//")
    exists, _, path = head.partition(b" ")
    return path, (target, exists == b"0")


def _unreadable(found: ConnectionView) -> ShopperError:
    return ShopperError(f"{found.name} does not tell what is there", f"look yourself: gpu-shopper ssh {found.name}")
