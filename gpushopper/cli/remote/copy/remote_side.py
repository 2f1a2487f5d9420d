"""The instance's side of a copy, by shell scripts over ssh: inspect paths, prepare the part folder, move into place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gpushopper.cli.remote.copy import scripts
from gpushopper.cli.remote.copy.entries import Entry, Kind, check_listing
from gpushopper.cli.remote.copy.planning import Job, PathInfo
from gpushopper.cli.remote.copy.ssh_process import run_script
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

FOUND_WHAT = ("folder", "file", "other", "dangling", "none")
_TYPES = {0o040000: Kind.FOLDER, 0o100000: Kind.FILE, 0o120000: Kind.LINK}
_FORMAT = 0o170000


class RemoteSide:
    """Runs the scripts of `scripts` on the instance and parses their output."""

    def __init__(self, found: ConnectionView) -> None:
        self.found = found
        self.where = f" on {found.name}"
        self.programs: frozenset[str] = frozenset()
        self.is_login_silent = True
        """Whether login scripts print nothing; any output of theirs breaks rsync and sftp."""

    def inspect(self, paths: Sequence[bytes]) -> dict[bytes, PathInfo]:
        """What each path is; also sets `programs` and `is_login_silent`, which decide the transport."""
        output = run_script(self.found, scripts.inspect(paths))
        self.is_login_silent = not output.had_greeting
        first, *rest = output.out.split(b"\0")
        self.programs = frozenset(first.decode("ascii", "replace").split())
        if len(rest) != len(paths) + 1:
            raise _unreadable(self.found)
        return {path: self._parse_path_info(path, line) for path, line in zip(paths, rest, strict=False)}

    def _parse_path_info(self, path: bytes, line: bytes) -> PathInfo:
        facts, _, real = line.partition(b"//")
        try:
            what, has_parent, raw, size, mtime = facts.decode("ascii").split()
            mode = int(raw, 16) & 0o777
            seen = PathInfo(path, what, real or path, has_parent == "1", mode, int(size), int(mtime))
        except ValueError as error:
            raise _unreadable(self.found) from error
        if what not in FOUND_WHAT or b"//" in real:
            raise _unreadable(self.found)
        return seen

    def entries(self, folder: bytes) -> list[Entry]:
        """Every entry of a folder, however deep."""
        return self._parse_listing(run_script(self.found, scripts.listing(folder)).out)

    def prepare(self, job: Job) -> list[Entry]:
        """Make the part folder; returns what it contains from an earlier, cut-off copy."""
        return self._parse_listing(run_script(self.found, scripts.prepare(job)).out)

    def clean(self, job: Job, stale: Sequence[bytes], folders: Sequence[Entry]) -> None:
        """Remove `stale` paths from the part folder, and make its folders."""
        if stale or folders:
            run_script(self.found, scripts.clean(job, stale, folders))

    def move_into_place(self, job: Job) -> None:
        """Make links and set modes, then move everything from the part folder to its final path."""
        run_script(self.found, scripts.move_into_place(job))

    def _parse_listing(self, answer: bytes) -> list[Entry]:
        try:
            return check_listing(_entries(answer))
        except (ValueError, KeyError) as error:
            raise _unreadable(self.found) from error


def _entries(answer: bytes) -> Iterator[Entry]:
    """Parse a listing: records up to a line `=//`, then links, then `=0`, or `=1` if something could not be read.

    Raises:
        ValueError: this is not a complete listing.
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
    return ShopperError(f"{found.name} sent an unreadable list of files", f"try: gpu-shopper ssh {found.name} -- ls")
