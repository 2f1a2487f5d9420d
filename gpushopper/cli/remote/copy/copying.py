"""One `cp` from beginning to end: inspect both sides, plan, transfer, move into place.

Every file is first written into a part folder beside its target (`.NAME.gs-part-...`) and moved into place when the
whole copy is complete, so that no cut-off file ever has its final name. The name of the part folder depends only on
what is copied: the same command finds it again and resumes. Folders and links are made by this package, not by the
transport, so that the result does not depend on the transport.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gpushopper.cli.remote.copy import planning, streams
from gpushopper.cli.remote.copy.entries import Selection, files_of, select, topmost
from gpushopper.cli.remote.copy.local_side import LocalSide
from gpushopper.cli.remote.copy.path_arguments import CopyArguments, PathArgument, from_home, option_safe, to_text
from gpushopper.cli.remote.copy.planning import Job, Source
from gpushopper.cli.remote.copy.progress_bar import ProgressBar
from gpushopper.cli.remote.copy.remote_side import RemoteSide
from gpushopper.cli.remote.copy.ssh_process import interruptible
from gpushopper.cli.remote.copy.transport_choice import transfer_by_first_available
from gpushopper.cli.remote.copy.transports.transfer import Transfer
from gpushopper.errors import NotFound
from gpushopper.results.entries import Entry, Kind

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

INTERRUPT_HINT = "what has arrived is kept; the same command resumes the copy"
Side = LocalSide | RemoteSide
BeforeUpload = Callable[[Sequence[bytes | None], bytes], None]
"""Called with the local sources (None: standard input) and the target there, before anything is sent."""


class CopyOptions(NamedTuple):
    """The options of `cp`."""

    patterns: tuple[bytes, ...] = ()
    mkdir: bool = False
    verbose: bool = False


@dataclass(slots=True)
class CopyResult:
    """What was copied, and by which transports (`by`)."""

    files: int = 0
    moved: int = 0
    by: list[str] = field(default_factory=list)
    left_out: list[bytes] = field(default_factory=list)


class Copy:
    """Copies what the arguments name, to or from one session."""

    def __init__(
        self, app: App, found: ConnectionView, paths: CopyArguments, options: CopyOptions,
        before_upload: BeforeUpload | None = None,
    ) -> None:  # fmt: skip
        self.app, self.paths, self.options = app, paths, options
        self.before_upload = before_upload
        self.remote, local = RemoteSide(found), LocalSide(options.patterns)
        self.source_side: Side = local if paths.is_upload else self.remote
        self.target_side: Side = self.remote if paths.is_upload else local
        self.result = CopyResult()

    def perform(self) -> CopyResult:
        """Copy.

        Raises:
            NotFound: a source does not exist, or the folder it should go into.
            UsageError: sources and target do not fit together.
            ShopperError: the copy failed; what has arrived is kept in the part folder.
        """
        with interruptible():
            if self.paths.sources[0].is_stream or self.paths.target.is_stream:
                self._stream()
            else:
                self._files()
        return self.result

    def _stream(self) -> None:
        is_upload = self.paths.is_upload
        typed = path_of(self.paths.target if is_upload else self.paths.sources[0])
        path = option_safe(typed)
        seen = self.remote.inspect([path])[path]
        if not is_upload and seen.what == "none":
            raise NotFound(f"there is no {to_text(typed)}{self.remote.where}", code="file_not_found")
        if is_upload:
            self._announce([None], typed)
        with ProgressBar(self.app, None if is_upload else seen.size) as bar:
            if is_upload:
                streams.send(self.remote, seen, typed, self.options.mkdir, bar)
            else:
                streams.fetch(self.remote, seen, typed, bar)
            self.result.moved += bar.moved
        self.result.files += 1
        self.result.by.append("stream")

    def _files(self) -> None:
        jobs = self.plan()
        if self.paths.is_upload and any(files_of(job.entries) for job in jobs):
            self._announce([source.path for source in self.paths.sources], path_of(self.paths.target))
        self.app.interrupt_hint = INTERRUPT_HINT
        total = sum(entry.size for job in jobs for entry in files_of(job.entries))
        with ProgressBar(self.app, total) as bar:
            for job in jobs:
                self._transfer(job, bar)
            self.result.moved += bar.moved
        self.app.interrupt_hint = ""

    def _announce(self, sources: Sequence[bytes | None], target: bytes) -> None:
        if self.before_upload is not None:
            self.before_upload(sources, target)

    # ---- planning

    def plan(self) -> list[Job]:
        """Inspect both sides: what goes where."""
        typed_target, names = path_of(self.paths.target), [path_of(source) for source in self.paths.sources]
        target, paths = option_safe(typed_target), [option_safe(name) for name in names]
        found = self.source_side.inspect(paths)
        sources = [Source(name, found[path]) for name, path in zip(names, paths, strict=True)]
        planning.check_sources(sources, self.source_side.where)
        seen = self.target_side.inspect(planning.candidates(names, target))
        pairs = planning.assign_targets(sources, typed_target, seen, target, self.target_side.where, self.options.mkdir)
        listed = {s.seen.real: self._select(s) for s in sources if s.seen.what == "folder"}
        return planning.jobs(pairs, listed, seen, self._origin())

    def _origin(self) -> bytes:
        return b"" if self.paths.is_upload else self.remote.found.session.encode()

    def _select(self, source: Source) -> Sequence[Entry]:
        selection: Selection = select(self.source_side.entries(source.seen.real), self.options.patterns)
        for note in selection.notes:
            self.app.note(f"{to_text(source.typed)}: {note}")
        self.result.left_out += selection.left_out
        return selection.entries

    # ---- transferring

    def _transfer(self, job: Job, bar: ProgressBar) -> None:
        begun = {entry.path: entry for entry in self.target_side.prepare(job)}
        folders = [entry for entry in job.entries if entry.kind is Kind.FOLDER]
        kinds = {entry.path: entry.kind for entry in job.entries if entry.kind is not Kind.LINK}
        stale = topmost(path for path, entry in begun.items() if kinds.get(path) is not entry.kind)
        self.target_side.clean(job, stale, folders)
        files = files_of(job.entries)
        missing = tuple(entry for entry in files if not entry.is_same_file(begun.get(entry.path)))
        bar.add(sum(entry.size for entry in files) - sum(entry.size for entry in missing))
        if missing:
            sizes = {} if job.is_folder else {e.path: begun[e.path].size for e in missing if e.path in begun}
            resumable = {e.path: sizes[e.path] for e in missing if e.path in sizes and sizes[e.path] <= e.size}
            transfer = Transfer(self.remote.found, job, self.paths.is_upload, missing, resumable, bar)
            self.result.by.append(transfer_by_first_available(self.remote, transfer, self._note_transport))
        self.target_side.move_into_place(job)
        self.result.files += len(files)

    def _note_transport(self, text: str) -> None:
        if self.options.verbose:
            self.app.note(text)


def path_of(argument: PathArgument) -> bytes:
    """The path of an argument; one on an instance starts in the home folder there."""
    return argument.path if argument.session is None else from_home(argument.path)
