"""Entries of a folder on an instance, and the rules that keep them inside the folder here: names, links, kinds."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from gpushopper.errors import ShopperError


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
        """Whether an earlier copy of this file is complete: transports set a file's mtime last."""
        return other is not None and other.kind is Kind.FILE and (self.size, self.mtime) == (other.size, other.mtime)


def is_time(seconds: int) -> bool:
    """Whether a file here can have such a time: others come from an instance that lies."""
    return abs(seconds) < 2**62


def by_path(entry: Entry) -> bytes:
    """Sort key that puts a folder before its contents."""
    return entry.path


def points_out(link: Entry, folders: set[bytes]) -> bool:
    """Whether a link points out of the copied folder, or cannot be shown to stay inside.

    `..` is followed only from a path known to be a real folder: behind another link it would point elsewhere.
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


def check_listing(found: Iterable[Entry]) -> list[Entry]:
    """The entries, sorted so that folders come before their contents.

    Raises:
        ShopperError: the listing is invalid, such as a path outside its folder or without a parent.
    """
    ordered = sorted(found, key=by_path)
    kinds: dict[bytes, Kind] = {}
    for entry in ordered:
        names = entry.path.split(b"/")
        parent = b"/".join(names[:-1])
        is_valid = not {b"", b".", b".."} & set(names) and b"\0" not in entry.path and entry.path not in kinds
        if not is_valid or (parent and kinds.get(parent) is not Kind.FOLDER):
            raise ShopperError(
                f"the instance's list of files is invalid: {as_text(entry.path)}",
                "nothing was copied",
                code="bad_listing",
            )
        kinds[entry.path] = entry.kind
    return ordered


def as_text(path: bytes) -> str:
    """A path for people."""
    return path.decode("utf-8", "surrogateescape")
