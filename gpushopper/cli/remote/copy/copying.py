"""One copy from beginning to end: look, plan, carry, move into place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gpushopper.cli.remote.copy import planning, streams
from gpushopper.cli.remote.copy.entries import Chosen, Entry, Kind, choose, files_of, topmost
from gpushopper.cli.remote.copy.local_side import LocalSide
from gpushopper.cli.remote.copy.path_arguments import Place, Typed, from_home, to_text, unmistakable
from gpushopper.cli.remote.copy.planning import Job, Source
from gpushopper.cli.remote.copy.progress_bar import Bar
from gpushopper.cli.remote.copy.remote_side import RemoteSide
from gpushopper.cli.remote.copy.ssh_process import interruptible
from gpushopper.cli.remote.copy.transports import rsync, sftp, tar
from gpushopper.cli.remote.copy.transports.transfer import CannotServe, Trip
from gpushopper.errors import NotFound, ShopperError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

GOES_ON = "what has arrived is kept aside; the same command goes on from there"
Side = LocalSide | RemoteSide


class Wishes(NamedTuple):
    """What the options ask for."""

    patterns: tuple[bytes, ...] = ()
    mkdir: bool = False
    verbose: bool = False


@dataclass(slots=True)
class Done:
    """What was copied, and how."""

    files: int = 0
    moved: int = 0
    by: list[str] = field(default_factory=list)
    left_out: list[bytes] = field(default_factory=list)


class Copy:
    """Carries out what was typed, for one session."""

    def __init__(self, app: App, found: ConnectionView, typed: Typed, wishes: Wishes) -> None:
        self.app, self.typed, self.wishes = app, typed, wishes
        self.remote, local = RemoteSide(found), LocalSide(wishes.patterns)
        self.giver: Side = local if typed.is_upload else self.remote
        self.taker: Side = self.remote if typed.is_upload else local
        self.done = Done()

    def perform(self) -> Done:
        """Copy.

        Raises:
            NotFound: a source does not exist, or the folder it should go into.
            UsageError: it cannot be done as it was asked.
            ShopperError: the copy failed; what came over is kept aside.
        """
        with interruptible():
            if self.typed.sources[0].is_stream or self.typed.target.is_stream:
                self._stream()
            else:
                self._files()
        return self.done

    def _stream(self) -> None:
        is_upload = self.typed.is_upload
        typed = _name(self.typed.target if is_upload else self.typed.sources[0])
        path = unmistakable(typed)
        seen = self.remote.look([path])[path]
        if not is_upload and seen.what == "none":
            raise NotFound(f"there is no {to_text(typed)}{self.remote.where}", code="file_not_found")
        with Bar(self.app, None if is_upload else seen.size) as bar:
            if is_upload:
                streams.send(self.remote, seen, typed, self.wishes.mkdir, bar)
            else:
                streams.fetch(self.remote, seen, typed, bar)
            self.done.moved += bar.moved
        self.done.files += 1
        self.done.by.append("stream")

    def _files(self) -> None:
        jobs = self._plan()
        self.app.goes_on = GOES_ON
        total = sum(entry.size for job in jobs for entry in files_of(job.entries))
        with Bar(self.app, total) as bar:
            for job in jobs:
                self._carry(job, bar)
            self.done.moved += bar.moved
        self.app.goes_on = ""

    # ---- planning

    def _plan(self) -> list[Job]:
        typed_target, names = _name(self.typed.target), [_name(source) for source in self.typed.sources]
        target, paths = unmistakable(typed_target), [unmistakable(name) for name in names]
        found = self.giver.look(paths)
        sources = [Source(name, found[path]) for name, path in zip(names, paths, strict=True)]
        planning.check_sources(sources, self.giver.where)
        seen = self.taker.look(planning.candidates(names, target))
        moves = planning.place(sources, typed_target, seen, target, self.taker.where, self.wishes.mkdir)
        listed = {s.seen.real: self._chosen(s) for s in sources if s.seen.what == "folder"}
        return planning.jobs(moves, listed, seen, self._origin())

    def _origin(self) -> bytes:
        return b"" if self.typed.is_upload else self.remote.found.session.encode()

    def _chosen(self, source: Source) -> Sequence[Entry]:
        chosen: Chosen = choose(self.giver.entries(source.seen.real), self.wishes.patterns)
        for note in chosen.notes:
            self.app.note(f"{to_text(source.typed)}: {note}")
        self.done.left_out += chosen.left_out
        return chosen.entries

    # ---- carrying

    def _carry(self, job: Job, bar: Bar) -> None:
        begun = {entry.path: entry for entry in self.taker.prepare(job)}
        folders = [entry for entry in job.entries if entry.kind is Kind.FOLDER]
        kinds = {entry.path: entry.kind for entry in job.entries if entry.kind is not Kind.LINK}
        stale = topmost(path for path, entry in begun.items() if kinds.get(path) is not entry.kind)
        self.taker.arrange(job, stale, folders)
        files = files_of(job.entries)
        missing = tuple(entry for entry in files if not entry.is_same_file(begun.get(entry.path)))
        bar.add(sum(entry.size for entry in files) - sum(entry.size for entry in missing))
        if missing:
            sizes = {} if job.is_folder else {e.path: begun[e.path].size for e in missing if e.path in begun}
            ready = {e.path: sizes[e.path] for e in missing if e.path in sizes and sizes[e.path] <= e.size}
            self._by_any(Trip(self.remote.found, job, self.typed.is_upload, missing, ready, bar))
        self.taker.place(job)
        self.done.files += len(files)

    def _by_any(self, trip: Trip) -> None:
        """Let the first carrier that can serve carry; the others are named where somebody wants to know."""
        reasons: list[str] = []
        for name, carry, why_not in self._carriers(trip.job):
            reason = why_not
            if not reason:
                try:
                    carry(trip)
                except CannotServe as error:
                    reason = str(error)
                else:
                    if self.wishes.verbose:
                        self.app.note(f"carried by {name}" + (f" ({'; '.join(reasons)})" if reasons else ""))
                    self.done.by.append(name)
                    return
            reasons.append(reason)
        text = f"nothing can carry files to {self.remote.found.name}: {'; '.join(reasons)}"
        raise ShopperError(text, "install tar or rsync there", code="no_carrier")

    def _carriers(self, job: Job) -> list[tuple[str, Callable[[Trip], None], str]]:
        """The carriers in order, each with the reason why it cannot serve.

        One round trip per request makes sftp slow for many small files: folders go by tar where there is tar.
        """
        programs, is_quiet = self.remote.programs, self.remote.is_quiet
        loud = "" if is_quiet else "the login's shell there speaks by itself"
        by_sftp = ("sftp", sftp.carry, loud)
        by_tar = ("tar", tar.carry, "" if "tar" in programs else "no tar there")
        rest = [by_tar, by_sftp] if job.is_folder else [by_sftp, by_tar]
        return [("rsync", rsync.carry, rsync.why_not(programs, is_quiet)), *rest]


def _name(place: Place) -> bytes:
    return place.path if place.session is None else from_home(place.path)
