"""Decide which source becomes which path (pure rules of `cp`), and group the files into transfer jobs.

As with cp, a target that is a folder takes the source under its typed name, and a target that does not exist becomes
the copy's name. As with rsync, `SRC/` means the contents of the folder. `DST/` is always a folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gpushopper.cli.remote.copy.path_arguments import below, folder_of, last_name, to_text
from gpushopper.errors import NotFound, UsageError
from gpushopper.results.entries import Entry, Kind, by_path

PART = b".gs-part"
LONGEST_NAME = 200
"""Bytes of the target's name that the part folder's name repeats; most file systems allow 255 in all."""


class PathInfo(NamedTuple):
    """What a path is: `what` is folder, file, other, dangling (a link) or none; `real` has links resolved."""

    path: bytes
    what: str = "none"
    real: bytes = b""
    has_parent: bool = True
    mode: int = 0o644
    size: int = 0
    mtime: int = 0


class Source(NamedTuple):
    """One source as typed, and what it is."""

    typed: bytes
    seen: PathInfo

    @property
    def name(self) -> bytes:
        return last_name(self.typed)

    @property
    def is_contents(self) -> bool:
        """Whether the contents of the folder are meant, not the folder itself."""
        return self.seen.what == "folder" and (self.typed.endswith(b"/") or not self.name)


class SourceTarget(NamedTuple):
    """One source, and the exact path of its copy."""

    source: Source
    final: bytes


@dataclass(frozen=True, slots=True)
class Job:
    """Files to transfer from one folder to another, by one transport.

    `base` is the folder they come from, `root` the one they go to; `renamed` maps names in `base` to names in `root`
    (only for files named on the command line). `creates_root`: `root` is the copy itself and does not exist yet.
    """

    base: bytes
    root: bytes
    entries: tuple[Entry, ...]
    is_folder: bool
    creates_root: bool = False
    mode: int = 0o755
    renamed: Mapping[bytes, bytes] = field(default_factory=dict)
    origin: bytes = b""
    """The session that the files come from, "" for this computer; the same path in another session is another file."""

    @property
    def part(self) -> bytes:
        """The part folder: beside a root that is to be created, else inside it; its name depends on what is copied."""
        return below(folder_of(self.root) if self.creates_root else self.root, self.part_prefix + self._digest())

    @property
    def replaces_parts(self) -> bool:
        """Whether part folders of older versions of this copy can be recognised, and so removed."""
        return self.part_prefix != PART + b"-"

    @property
    def part_prefix(self) -> bytes:
        """The common prefix of part folders for the same target; merges into existing folders share one."""
        name = last_name(self.root) if self.creates_root else min(self.renamed.values(), default=b"")
        return b".".join((b"", name[:LONGEST_NAME], PART[1:])) + b"-" if name else PART + b"-"

    def _digest(self) -> bytes:
        """For single files it includes size and mtime: a resumed file must never mix two versions."""
        parts = [self.origin, self.base, self.root, b"folder" if self.is_folder else b"files"]
        if not self.is_folder:
            parts += [b"%s %s %d %d" % (e.path, self.renamed[e.path], e.size, e.mtime) for e in self.entries]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:10].encode()


def check_sources(sources: Sequence[Source], where: str) -> None:
    """Refuse sources that do not exist, or are neither file nor folder.

    Raises:
        NotFound: a source does not exist.
        UsageError: it cannot be copied.
    """
    for typed, seen in sources:
        shown = to_text(typed)
        if seen.what == "none":
            raise NotFound(f"there is no {shown}{where}", code="file_not_found")
        if seen.what == "dangling":
            raise NotFound(f"{shown}{where} is a link to nothing", code="file_not_found")
        if seen.what == "other":
            raise UsageError(f"{shown}{where} is neither a file nor a folder", "a fifo or device can be read with -")
        if seen.what == "file" and typed.endswith(b"/"):
            raise UsageError(f"{shown}{where} is a file, not a folder", "leave the slash out")


def candidates(typed: Sequence[bytes], target: bytes) -> list[bytes]:
    """The paths on the target's side that the plan depends on, to be inspected first."""
    return [target, *(below(target, last_name(source)) for source in typed if last_name(source))]


def assign_targets(
    sources: Sequence[Source],
    typed_target: bytes,
    seen: Mapping[bytes, PathInfo],
    target: bytes,
    where: str,
    mkdir: bool,
) -> list[SourceTarget]:
    """Decide the exact target path of each source; `seen` is what the candidates on the target's side are.

    Raises:
        NotFound: the folder to copy into does not exist, and --mkdir was not given.
        UsageError: a file is where a folder must go, or the other way round; two sources have the same name.
    """
    there, shown = seen[target], to_text(typed_target)
    if there.what == "dangling":
        raise UsageError(f"{shown}{where} is a link to nothing", "name the file it should point to")
    if there.what == "other":
        raise UsageError(f"{shown}{where} is neither a file nor a folder", "name a file or a folder")
    takes_in = there.what == "folder" or len(sources) > 1 or _names_a_folder(typed_target, sources)
    if takes_in and there.what == "file":
        raise UsageError(f"{shown}{where} is a file, not a folder", "name a folder")
    is_missing = there.what == "none" if takes_in else not there.has_parent
    if is_missing and not mkdir:
        folder = shown if takes_in else to_text(folder_of(typed_target))
        side = "there" if where else "here"
        raise NotFound(f"no such folder {side}: {folder}; add --mkdir", code="folder_not_found")
    pairs = [SourceTarget(source, _final(source, target, takes_in)) for source in sources]
    _check_finals(pairs, seen, where)
    return pairs


def _names_a_folder(typed_target: bytes, sources: Sequence[Source]) -> bool:
    """Whether the spelling `DST/` makes the target a folder to copy into; not for `SRC/`, whose copy it is then."""
    return typed_target.endswith(b"/") and not any(source.is_contents for source in sources)


def _final(source: Source, target: bytes, takes_in: bool) -> bytes:
    if source.is_contents or not takes_in:
        return target
    return below(target, source.name)


def _check_finals(pairs: Sequence[SourceTarget], seen: Mapping[bytes, PathInfo], where: str) -> None:
    taken: set[bytes] = set()
    for source, final in pairs:
        what = (seen.get(final) or PathInfo(final)).what
        shown = f"{to_text(final)}{where}"
        if source.seen.what == "folder" and what in ("file", "other", "dangling"):
            raise UsageError(f"{shown} is not a folder, {to_text(source.typed)} is one", "choose another target")
        if source.seen.what == "file" and what in ("folder", "other", "dangling"):
            raise UsageError(f"{shown} is not a file, {to_text(source.typed)} is one", "choose another target")
        if final in taken and not source.is_contents:
            raise UsageError(f"two sources would become {shown}", "copy them one by one")
        taken.add(final)


def jobs(
    pairs: Sequence[SourceTarget],
    listed: Mapping[bytes, Sequence[Entry]],
    seen: Mapping[bytes, PathInfo],
    origin: bytes = b"",
) -> list[Job]:
    """Group pairs into jobs: one per folder, and one for all files with the same two parent folders.

    `listed` maps the real path of each folder source to its selected entries.
    """
    made: list[Job] = []
    files: dict[tuple[bytes, bytes], list[SourceTarget]] = {}
    for pair in pairs:
        source, final = pair
        if source.seen.what == "folder":
            is_new = (seen.get(final) or PathInfo(final)).what == "none" and not (source.is_contents and len(pairs) > 1)
            entries = tuple(listed[source.seen.real])
            made.append(Job(source.seen.real, final, entries, True, is_new, source.seen.mode))
        else:
            files.setdefault((folder_of(source.seen.real), folder_of(final)), []).append(pair)
    for (base, root), group in files.items():
        made += [_files_job(base, root, part) for part in _without_repeats(group)]
    return [replace(job, origin=origin) for job in made]


def _without_repeats(pairs: Sequence[SourceTarget]) -> list[list[SourceTarget]]:
    """Split pairs so that no job contains the same real file twice, as two links to it would."""
    groups: list[dict[bytes, SourceTarget]] = []
    for pair in pairs:
        group = next((group for group in groups if pair.source.seen.real not in group), None)
        if group is None:
            group = {}
            groups.append(group)
        group[pair.source.seen.real] = pair
    return [list(group.values()) for group in groups]


def _files_job(base: bytes, root: bytes, pairs: Sequence[SourceTarget]) -> Job:
    entries, renamed = [], {}
    for source, final in pairs:
        name = last_name(source.seen.real)
        entries.append(Entry(name, Kind.FILE, source.seen.mode, source.seen.size, source.seen.mtime))
        renamed[name] = last_name(final)
    return Job(base, root, tuple(sorted(entries, key=by_path)), is_folder=False, renamed=renamed)
