"""Checksums of files on an instance, or of their beginnings: by sha256sum, or md5sum where an image has only that."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.results.link import Link
from gpushopper.results.listing import START, quoted

_LIMIT = 64_000_000
"""Bytes of an answer."""
_PROGRAMS = {b"sha256sum": "sha256", b"md5sum": "md5"}

# one NUMBER LENGTH PATH: LENGTH is empty for the whole file.
_SCRIPT = rb"""
s=
for x in sha256sum md5sum; do
  [ "$s" ] || ! command -v $x >/dev/null 2>&1 || s=$x
done
echo "$s"
sum() { if [ "$1" ]; then head -c "$1" | $s; else $s; fi; }
one() { [ ! -f "$3" ] || [ -L "$3" ] || { x=$(sum "$2" <"$3") && printf '%s %s\n' "$1" "${x%% *}"; }; }
"""


def checksums(link: Link, folder: bytes, files: Sequence[tuple[bytes, int | None]]) -> tuple[str, dict[bytes, str]]:
    """The algorithm, empty where the instance has no program, and the checksum of each file that can be read.

    `folder` is quoted for the shell, and `files` are paths in it with how many bytes count; None: all of them.

    Raises:
        LinkLost: the connection broke.
    """
    lines = [START, b"cd -- %s || exit 9\n" % folder, _SCRIPT]
    for at, (path, length) in enumerate(files):
        lines.append(b"one %d '%s' %s\n" % (at, b"" if length is None else b"%d" % length, quoted(b"./" + path)))
    program, *rows = link.run(b"".join([*lines, b"exit 0\n"]), _LIMIT).split(b"\n")
    if program not in _PROGRAMS:
        return "", {}
    found = dict(row.split(b" ", 1) for row in rows if row.count(b" ") == 1)
    sums = {path: found.get(b"%d" % at, b"").decode("ascii", "replace") for at, (path, _) in enumerate(files)}
    return _PROGRAMS[program], {path: text for path, text in sums.items() if text}
