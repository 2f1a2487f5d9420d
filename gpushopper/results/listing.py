"""The script that lists a folder on an instance, and parsing what it prints: POSIX sh, with programs every image has.

Paths are single-quoted. Output is delimited by what no path can contain: a NUL, or two slashes in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gpushopper.errors import ShopperError
from gpushopper.results.entries import Entry, Kind, is_time

BATCH = 200
"""Names per call of a program."""

START = b"unset CDPATH\ndie() { printf '%s\\n' \"$*\" >&2; exit 9; }\n"

_TYPES = {0o040000: Kind.FOLDER, 0o100000: Kind.FILE, 0o120000: Kind.LINK}
_FORMAT = 0o170000

# Some small images have no find: then the shell walks through the folders itself.
LIST = rb"""
bad=0
facts() { stat -c '%f %s %Y %n//' "$@" || bad=1; }
link() {
  t=$(readlink "$1"; echo x)
  e=0; [ -e "$1" ] && e=1
  printf '%s %s//%s\0' "$e" "$1" "${t%?x}"
}
walk() {
  set -- "$1"/* "$1"/.[!.]* "$1"/..?*
  for f do
    shift
    if [ -e "$f" ] || [ -L "$f" ]; then set -- "$@" "$f"; fi
  done
  [ $# = 0 ] && return
  if [ "$pass" = facts ]; then facts "$@"; else for f do [ ! -L "$f" ] || link "$f"; done; fi
  for f do
    if [ -d "$f" ] && [ ! -L "$f" ]; then walk "$f"; fi
  done
}
list() {
  cd -- "$1" || exit 9
  if command -v find >/dev/null 2>&1; then
    find . ! -name . -exec stat -c '%f %s %Y %n//' {} + </dev/null || bad=1
    echo '=//'
    find . -type l -print </dev/null | grep -q . && find . -type l -exec sh -c '
      for f do t=$(readlink "$f"; echo x); e=0; [ -e "$f" ] && e=1; printf "%s %s//%s\0" "$e" "$f" "${t%?x}"; done
    ' sh {} + </dev/null
  else
    pass=facts; walk .
    echo '=//'
    pass=links; walk .
  fi
  printf '=%s\0' "$bad"
}
"""


def quoted(path: bytes) -> bytes:
    """A path as one quoted word of the shell."""
    return b"'" + path.replace(b"'", b"'\\''") + b"'"


def words(paths: Iterable[bytes]) -> bytes:
    """Several paths as quoted words."""
    return b" ".join(map(quoted, paths))


def batches(paths: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Groups of paths, each short enough for one call."""
    for begin in range(0, len(paths), BATCH):
        yield paths[begin : begin + BATCH]


def read_listing(answer: bytes) -> Iterator[Entry]:
    """Parse a listing: records up to a line `=//`, then links, then `=0`, or `=1` if something could not be read.

    Raises:
        ValueError: this is not a complete listing.
    """
    facts, at = [], 0
    while True:
        end = answer.index(b"//\n", at)
        record, at = answer[at:end], end + 3
        if record == b"=":
            break
        facts.append(record)
    *links, last, nothing = answer[at:].split(b"\0")
    if nothing or last not in (b"=0", b"=1"):
        raise ValueError("a cut-off listing")
    if last == b"=1":
        raise ShopperError("a folder there cannot be read completely", "look at its permissions, or try again")
    targets = dict(_link(line) for line in links)
    for record in facts:
        raw, size, mtime, path = record.split(b" ", 3)
        if not is_time(int(mtime)):
            raise ValueError("a time that no file has")
        mode = int(raw, 16)
        kind = _TYPES.get(mode & _FORMAT, Kind.OTHER)
        target, dangles = targets[path] if kind is Kind.LINK else (b"", False)
        yield Entry(path.removeprefix(b"./"), kind, mode & 0o777, int(size), int(mtime), target, dangles)


def _link(line: bytes) -> tuple[bytes, tuple[bytes, bool]]:
    head, _, target = line.partition(b"//")
    exists, _, path = head.partition(b" ")
    return path, (target, exists == b"0")
