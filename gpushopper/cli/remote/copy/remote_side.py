"""The instance's side of a copy, by shell scripts over ssh: inspect paths, prepare the part folder, move into place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gpushopper.cli.remote.copy import scripts
from gpushopper.cli.remote.copy.planning import Job, PathInfo
from gpushopper.cli.remote.copy.ssh_process import run_script
from gpushopper.errors import ShopperError
from gpushopper.results.entries import Entry, check_listing
from gpushopper.results.listing import read_listing

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

FOUND_WHAT = ("folder", "file", "other", "dangling", "none")


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
            return check_listing(read_listing(answer))
        except (ValueError, KeyError) as error:
            raise _unreadable(self.found) from error


def _unreadable(found: ConnectionView) -> ShopperError:
    return ShopperError(f"{found.name} sent an unreadable list of files", f"try: gpu-shopper ssh {found.name} -- ls")
