"""Goes on with large files whose copy was cut off, from their last byte (ends.md E8).

Only where what is here is how the file begins there now: both beginnings have one checksum. The whole file is verified
like any other, so that one that changes meanwhile is never kept half old, half new.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from gpushopper.results.checksums import checksums
from gpushopper.results.entries import Entry
from gpushopper.results.link import Link
from gpushopper.results.listing import START, quoted
from gpushopper.results.part_folder import PartFolder, mode_here

LEAST = 1_000_000
"""Bytes of a cut file below which it is copied anew, which is quicker than to ask."""


def same_beginnings(link: Link, folder: bytes, part: PartFolder, wanted: Mapping[bytes, Entry]) -> dict[bytes, int]:
    """How many bytes are here of each wanted file that was cut off and begins there as it does here.

    `folder` is quoted for the shell.

    Raises:
        LinkLost: the connection broke.
    """
    sizes = {path: part.cut_size(path) for path in wanted}
    cut = {path: size for path, size in sizes.items() if LEAST <= size <= wanted[path].size}
    if not cut:
        return {}
    algorithm, there = checksums(link, folder, list(cut.items()))
    if not algorithm:
        return {}
    return {path: size for path, size in cut.items() if there.get(path) == part.cut_checksum(path, algorithm)}


def rest_script(folder: bytes, path: bytes, begin: int, count: int) -> bytes:
    """Prints the bytes of a file from `begin` on, `count` at most; nothing where it is gone."""
    words = b"tail -c +%d <%s 2>/dev/null | head -c %d\n" % (begin + 1, quoted(b"./" + path), count)
    return b"".join([START, b"cd -- %s || exit 9\n" % folder, words, b"exit 0\n"])


def append(part: PartFolder, entry: Entry, begin: int, pieces: Iterable[bytes]) -> bool:
    """Add the rest to a cut file as it comes; whether the file is as long as it was listed, and has its name now.

    What came before a lost connection stays, for the next try.
    """
    path, size = part.cut_path(entry.path), begin
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for piece in pieces:
            size += len(piece)
            while piece:
                piece = piece[os.write(handle, piece) :]
        if size != entry.size:
            return False
        os.fchmod(handle, mode_here(entry))
        os.utime(handle, (entry.mtime, entry.mtime))
    finally:
        os.close(handle)
    part.put(path, entry.path)
    return True
