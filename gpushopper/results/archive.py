"""Reads a tar stream that an instance sends: a pure function over bytes, which trusts nothing and creates nothing.

Names are returned as they came: which are written is decided by whoever asked for them. Forms: ustar, GNU tar's and
busybox's long names ('L', 'K'), pax ('x', 'g'). Several archives in a row are read as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gpushopper.results.entries import is_time

BLOCK = 512
LONGEST_NAME = 64 * 1024
"""Bytes of a long name, or of a pax header; a system takes paths of 4096."""
FILE, HARD_LINK = b"0", b"1"
_LONG_NAME, _LONG_LINK, _PAX, _PAX_ALL = b"L", b"K", b"x", b"g"
_FILES = (b"0", b"\0", b"7")


class Member(NamedTuple):
    """One member; its content follows as pieces, `size` bytes in all. `kind` is tar's own letter."""

    path: bytes
    kind: bytes
    size: int
    mode: int
    mtime: int
    target: bytes


class BadArchive(Exception):
    """The stream is no archive, or asks for more than any file has."""


class CutOff(Exception):
    """The stream ended inside an archive."""


class _Blocks:
    """Exactly so many bytes at a time out of pieces of any length."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def some(self, most: int) -> bytes:
        """Up to `most` bytes; empty at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        found, self._rest = self._rest[:most], self._rest[most:]
        return found

    def exactly(self, count: int) -> bytes:
        """So many bytes; fewer only at the end."""
        found = b""
        while len(found) < count and (piece := self.some(count - len(found))):
            found += piece
        return found


def read_archive(pieces: Iterable[bytes]) -> Iterator[Member | bytes]:
    """Each member, followed by the pieces of its content.

    Raises:
        BadArchive: it is none.
        CutOff: it ends too early.
    """
    blocks, named = _Blocks(pieces), _Named()
    while block := blocks.exactly(BLOCK):
        if len(block) < BLOCK:
            raise CutOff
        if not block.strip(b"\0"):
            continue  # the end of one archive
        member = _member(block)
        if member.kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_ALL):
            named.note(member.kind, _header_content(blocks, member.size))
            continue
        member = named.apply(member)
        yield member
        yield from _content(blocks, member.size)


class _Named:
    """What long headers say of the next member."""

    def __init__(self) -> None:
        self._next: dict[str, bytes] = {}

    def note(self, kind: bytes, content: bytes) -> None:
        match kind:
            case b"L":
                self._next["path"] = content.rstrip(b"\0")
            case b"K":
                self._next["linkpath"] = content.rstrip(b"\0")
            case b"x":
                self._next |= _pax(content)

    def apply(self, member: Member) -> Member:
        found, self._next = self._next, {}
        size = found.get("size")
        return member._replace(
            path=found.get("path", member.path),
            target=found.get("linkpath", member.target),
            size=member.size if size is None else _decimal(size),
        )


def _pax(content: bytes) -> dict[str, bytes]:
    """The records `LENGTH NAME=VALUE` of a pax header that matter here."""
    found: dict[str, bytes] = {}
    while content:
        head, _, _ = content[:20].partition(b" ")
        length = _decimal(head)
        record = content[len(head) + 1 : length]
        if not len(head) + 1 < length <= len(content) or not record.endswith(b"\n"):
            raise BadArchive("a damaged header")
        name, _, value = record[:-1].partition(b"=")
        if name in (b"path", b"linkpath", b"size"):
            found[name.decode()] = value
        content = content[length:]
    return found


def _member(block: bytes) -> Member:
    stored = _number(block[148:156])
    if sum(block[:148]) + sum(block[156:]) + 8 * 32 != stored:
        raise BadArchive("a damaged header")
    name, kind = block[:100].split(b"\0")[0], block[156:157]
    prefix = block[345:500].split(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    size = _number(block[124:136])
    if kind not in (*_FILES, _LONG_NAME, _LONG_LINK, _PAX, _PAX_ALL):
        size = 0  # folders, links and devices have no content, whatever they say
    path = prefix + b"/" + name if prefix else name
    target = block[157:257].split(b"\0")[0]
    is_file = kind in _FILES
    return Member(path, FILE if is_file else kind, size, _number(block[100:108]), _time(block[136:148]), target)


def _time(field: bytes) -> int:
    """Seconds, before 1970 too: those come in GNU's binary form."""
    seconds = int.from_bytes(field, "big", signed=True) if field[:1] == b"\xff" else _number(field)
    if not is_time(seconds):
        raise BadArchive("a damaged header")
    return seconds


def _number(field: bytes) -> int:
    """A number in octal digits, or in GNU's binary form for what they cannot hold."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    words = field.strip(b" \0")
    if words and words.strip(b"01234567"):
        raise BadArchive("a damaged header")
    return int(words or b"0", 8)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 18:
        raise BadArchive("a damaged header")
    return int(digits)


def _header_content(blocks: _Blocks, size: int) -> bytes:
    if size > LONGEST_NAME:
        raise BadArchive("a name that no system takes")
    padded = size + -size % BLOCK
    content = blocks.exactly(padded)
    if len(content) < padded:
        raise CutOff
    return content[:size]


def _content(blocks: _Blocks, size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = blocks.some(left)
        if not piece:
            raise CutOff
        left -= len(piece)
        yield piece
    padding = -size % BLOCK
    if len(blocks.exactly(padding)) < padding:
        raise CutOff
