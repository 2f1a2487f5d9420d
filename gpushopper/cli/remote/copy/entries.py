"""What a folder holds, as values: which entries are copied, which are left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from typing import NamedTuple

from gpushopper.cli.remote.copy.path_arguments import to_text
from gpushopper.errors import ShopperError

NAMED = 5
"""How many names a note shows before it says how many more there are."""


class Kind(Enum):
    """What an entry of a folder is."""

    FOLDER = "folder"
    FILE = "file"
    LINK = "link"
    OTHER = "other"


class Entry(NamedTuple):
    """One entry of a folder; `path` is relative to that folder. `mtime` is whole seconds, `mode` permissions only."""

    path: bytes
    kind: Kind
    mode: int = 0o644
    size: int = 0
    mtime: int = 0
    target: bytes = b""
    dangles: bool = False

    def is_same_file(self, other: Entry | None) -> bool:
        """Whether an earlier copy of this file is whole: programs set the time of a file when it is complete."""
        return other is not None and other.kind is Kind.FILE and (self.size, self.mtime) == (other.size, other.mtime)


def by_path(entry: Entry) -> bytes:
    """The order in which a folder comes before what it holds."""
    return entry.path


class Chosen(NamedTuple):
    """What of a folder is copied, and the notes about the rest."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[bytes, ...] = ()


def choose(found: Sequence[Entry], patterns: Sequence[bytes]) -> Chosen:
    """Leave out what was excluded, links that lead out of the folder, and what is neither file, folder nor link."""
    inside = _not_excluded(found, patterns)
    folders = {entry.path for entry in inside if entry.kind is Kind.FOLDER}
    links = [entry for entry in inside if entry.kind is Kind.LINK]
    leading_out = {entry.path: entry for entry in links if leads_out(entry, folders)}
    others = [entry for entry in inside if entry.kind is Kind.OTHER]
    dangling = [entry for entry in links if entry.dangles and entry.path not in leading_out]
    notes = [
        _note("left out", "link that leads out of the folder", map(_arrow, leading_out.values())),
        _note("left out", "entry that is no file (fifo, socket or device)", (to_text(e.path) for e in others)),
        _note("copied as it is", "link that leads to nothing", map(_arrow, dangling)),
    ]
    kept = [entry for entry in inside if entry.kind is not Kind.OTHER and entry.path not in leading_out]
    left_out = (*leading_out, *(entry.path for entry in others))
    return Chosen(tuple(sorted(kept, key=by_path)), tuple(filter(None, notes)), left_out)


def leads_out(link: Entry, folders: set[bytes]) -> bool:
    """Whether a link leads out of the copied folder, or cannot be shown to stay inside.

    `..` is followed only from what is known to be a real folder: behind another link it would lead elsewhere.
    """
    if not link.target or link.target.startswith(b"/"):
        return True
    at = link.path.split(b"/")[:-1]
    for name in link.target.split(b"/"):
        if name in (b"", b"."):
            continue
        if name != b"..":
            at.append(name)
        elif not at or b"/".join(at) not in folders:
            return True
        else:
            at.pop()
    return False


def checked(found: Iterable[Entry]) -> list[Entry]:
    """Entries in an order in which folders come before what they hold.

    Raises:
        ShopperError: a listing names something outside its folder, or is not that of a folder.
    """
    ordered = sorted(found, key=by_path)
    kinds: dict[bytes, Kind] = {}
    for entry in ordered:
        names = entry.path.split(b"/")
        parent = b"/".join(names[:-1])
        is_sound = not {b"", b".", b".."} & set(names) and b"\0" not in entry.path and entry.path not in kinds
        if not is_sound or (parent and kinds.get(parent) is not Kind.FOLDER):
            raise ShopperError(
                f"the instance's list of files is not sound: {to_text(entry.path)}",
                "nothing was copied",
                code="bad_listing",
            )
        kinds[entry.path] = entry.kind
    return ordered


def files_of(entries: Iterable[Entry]) -> list[Entry]:
    """The plain files among entries."""
    return [entry for entry in entries if entry.kind is Kind.FILE]


def topmost(paths: Iterable[bytes]) -> list[bytes]:
    """Paths without those that lie below another of them."""
    kept: list[bytes] = []
    for path in sorted(paths, key=lambda path: path.split(b"/")):
        if not kept or not path.startswith(kept[-1] + b"/"):
            kept.append(path)
    return kept


def _not_excluded(found: Sequence[Entry], patterns: Sequence[bytes]) -> list[Entry]:
    """What no pattern matches, by its name or by its path inside the folder; with a folder goes all it holds."""
    kept: list[Entry] = []
    gone: set[bytes] = set()
    for entry in sorted(found, key=by_path):
        if entry.path.rpartition(b"/")[0] in gone or is_excluded(entry.path, patterns):
            gone.add(entry.path)
        else:
            kept.append(entry)
    return kept


def is_excluded(path: bytes, patterns: Sequence[bytes]) -> bool:
    """Whether a pattern matches the last name of a path inside the copied folder, or the whole of it.

    `/data` and `./data` are the whole path only, from the folder on.
    """
    name = path.rpartition(b"/")[2]
    for pattern in patterns:
        bare = pattern.removeprefix(b".").lstrip(b"/") if pattern.startswith((b"/", b"./")) else pattern
        if fnmatchcase(path, bare.rstrip(b"/")) or (bare == pattern and fnmatchcase(name, bare.rstrip(b"/"))):
            return True
    return False


def _arrow(link: Entry) -> str:
    return f"{to_text(link.path)} -> {to_text(link.target)}"


def _note(what: str, noun: str, names: Iterable[str]) -> str:
    listed = list(names)
    if not listed:
        return ""
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    one, many = noun, noun.replace("link that leads", "links that lead").replace("entry that is", "entries that are")
    return f"{what}: {len(listed)} {one if len(listed) == 1 else many}: {', '.join(listed[:NAMED])}{more}"
