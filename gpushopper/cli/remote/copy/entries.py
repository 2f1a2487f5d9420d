"""Entries of a copied folder: which are copied, and which --exclude or safety rules leave out (links, devices)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from gpushopper.cli.remote.copy.path_arguments import to_text
from gpushopper.results.entries import Entry, Kind, by_path, points_out

NAMED = 5
"""How many names a note lists; the rest is counted."""

LINKS_OUT = ("link that points out of the folder", "links that point out of the folder")
SPECIAL_FILES = ("special file (fifo, socket or device)", "special files (fifos, sockets or devices)")
DANGLING_LINKS = ("link to nothing", "links to nothing")


class Selection(NamedTuple):
    """The entries of a folder to copy, and notes about the rest."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[bytes, ...] = ()


def select(found: Sequence[Entry], patterns: Sequence[bytes]) -> Selection:
    """Leave out what --exclude matches, links that point out of the folder, and what is no file, folder or link."""
    inside = _not_excluded(found, patterns)
    folders = {entry.path for entry in inside if entry.kind is Kind.FOLDER}
    links = [entry for entry in inside if entry.kind is Kind.LINK]
    pointing_out = {entry.path: entry for entry in links if points_out(entry, folders)}
    others = [entry for entry in inside if entry.kind is Kind.OTHER]
    dangling = [entry for entry in links if entry.dangles and entry.path not in pointing_out]
    notes = [
        _note("left out", LINKS_OUT, map(_arrow, pointing_out.values())),
        _note("left out", SPECIAL_FILES, (to_text(e.path) for e in others)),
        _note("copied as it is", DANGLING_LINKS, map(_arrow, dangling)),
    ]
    kept = [entry for entry in inside if entry.kind is not Kind.OTHER and entry.path not in pointing_out]
    left_out = (*pointing_out, *(entry.path for entry in others))
    return Selection(tuple(sorted(kept, key=by_path)), tuple(filter(None, notes)), left_out)


def files_of(entries: Iterable[Entry]) -> list[Entry]:
    """The regular files among entries."""
    return [entry for entry in entries if entry.kind is Kind.FILE]


def topmost(paths: Iterable[bytes]) -> list[bytes]:
    """Paths without those that lie below another of them."""
    kept: list[bytes] = []
    for path in sorted(paths, key=lambda path: path.split(b"/")):
        if not kept or not path.startswith(kept[-1] + b"/"):
            kept.append(path)
    return kept


def _not_excluded(found: Sequence[Entry], patterns: Sequence[bytes]) -> list[Entry]:
    """The entries that no pattern matches; an excluded folder excludes its contents."""
    kept: list[Entry] = []
    excluded: set[bytes] = set()
    for entry in sorted(found, key=by_path):
        if entry.path.rpartition(b"/")[0] in excluded or is_excluded(entry.path, patterns):
            excluded.add(entry.path)
        else:
            kept.append(entry)
    return kept


def is_excluded(path: bytes, patterns: Sequence[bytes]) -> bool:
    """Whether a pattern matches a path inside the copied folder, by its last name or as a whole.

    `/data` and `./data` match only the whole path, relative to the folder.
    """
    name = path.rpartition(b"/")[2]
    for pattern in patterns:
        bare = pattern.removeprefix(b".").lstrip(b"/") if pattern.startswith((b"/", b"./")) else pattern
        if fnmatchcase(path, bare.rstrip(b"/")) or (bare == pattern and fnmatchcase(name, bare.rstrip(b"/"))):
            return True
    return False


def _arrow(link: Entry) -> str:
    return f"{to_text(link.path)} -> {to_text(link.target)}"


def _note(what: str, nouns: tuple[str, str], names: Iterable[str]) -> str:
    listed = list(names)
    if not listed:
        return ""
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    shown = nouns[len(listed) > 1]
    return f"{what}: {len(listed)} {shown}: {', '.join(listed[:NAMED])}{more}"
