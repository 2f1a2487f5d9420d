"""`sync`: a copy of one folder's contents that leaves out what is the same at the target, or newer there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gpushopper.cli.remote.copy.copying import BeforeUpload, Copy, CopyOptions, path_of
from gpushopper.cli.remote.copy.path_arguments import CopyArguments, option_safe, to_text
from gpushopper.cli.remote.copy.planning import Source
from gpushopper.errors import Refused
from gpushopper.results.entries import Entry, Kind

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView


class Sync(Copy):
    """One of them. `sent`: what is copied; `newer`: those that stay as they are; `same`: how many are equal."""

    def __init__(
        self, app: App, found: ConnectionView, paths: CopyArguments, *, overwrite: bool,
        before_upload: BeforeUpload | None = None,
    ) -> None:  # fmt: skip
        super().__init__(app, found, paths, CopyOptions(mkdir=True), before_upload)
        self.overwrite = overwrite
        self.sent: list[bytes] = []
        self.newer: list[bytes] = []
        self.same = 0

    def synchronize(self, *, dry_run: bool) -> None:
        """Copy; with `dry_run` only find out what would be copied.

        Raises:
            NotFound: the source does not exist.
            Refused: a file at the target is where a folder should go, or the other way round.
            ShopperError: the copy failed; what has arrived is kept in the part folder.
        """
        if dry_run:
            self.plan()
        else:
            self.perform()

    def _select(self, source: Source) -> Sequence[Entry]:
        found = super()._select(source)
        there = self._target_entries()
        return [entry for entry in found if self._is_sent(entry, there.get(entry.path))]

    def _target_entries(self) -> dict[bytes, Entry]:
        path = option_safe(path_of(self.paths.target))
        if self.target_side.inspect([path])[path].what != "folder":
            return {}
        return {entry.path: entry for entry in self.target_side.entries(path)}

    def _is_sent(self, entry: Entry, there: Entry | None) -> bool:
        if there is not None and (entry.kind is Kind.FOLDER) != (there.kind is Kind.FOLDER):
            raise Refused(f"{to_text(entry.path)} is a folder on one side only", "move it away", code="in_the_way")
        if entry.kind is Kind.FOLDER:
            return True
        if entry.is_same_file(there) or (there is not None and entry.target and entry.target == there.target):
            self.same += 1
            return False
        if there is not None and there.mtime > entry.mtime and not self.overwrite:
            self.newer.append(entry.path)
            return False
        self.sent.append(entry.path)
        return True
