"""The shell scripts of `cp` on the instance: POSIX sh, with only the programs that every image has.

Paths are single-quoted. Output is delimited by what no path can contain: a NUL, or two slashes in a row.
"""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.cli.remote.copy.path_arguments import below, folder_of
from gpushopper.cli.remote.copy.planning import Job
from gpushopper.results.entries import Entry, Kind
from gpushopper.results.listing import LIST, START, batches, quoted, words

_INSPECT = rb"""
inspect() {
  k=none
  if [ -d "$1" ]; then k=folder; elif [ -f "$1" ]; then k=file
  elif [ -e "$1" ]; then k=other; elif [ -L "$1" ]; then k=dangling; fi
  h=0; [ -d "$2" ] && h=1
  s=$(stat -Lc '%f %s %Y' -- "$1" 2>/dev/null) || s='0 0 0'
  r=$(readlink -f -- "$1" 2>/dev/null; echo x); r=${r%?x}
  printf '%s %s %s//%s\0' "$k" "$h" "$s" "$r"
}
has() { for w do command -v "$w" >/dev/null 2>&1 && printf '%s ' "$w"; done; printf '\0'; }
has rsync tar
"""

_PREPARE = rb"""
for f in "$O"*; do [ ! -d "$f" ] || [ "$f" = "$P" ] || rm -rf -- "$f"; done
[ -L "$P" ] && die "$P is a link"
mkdir -p -- "$P" || exit 9
"""

_PLACE = rb"""
# b FOLDER: true if its contents must be moved one by one, because the folder exists on both sides.
b() {
  [ -d "$P/$1" ] || return 1
  if [ -e "$R/$1" ] || [ -L "$R/$1" ]; then
    if [ -L "$R/$1" ] || [ ! -d "$R/$1" ]; then die "$R/$1 is not a folder"; fi
    return 0
  fi
  mv -- "$P/$1" "$R/$1" || exit 9
  return 1
}
# m FOLDER NAME...: move those names that exist in the part folder.
m() {
  d=$1; shift
  for f do
    shift
    if [ -e "$P/$d/$f" ] || [ -L "$P/$d/$f" ]; then set -- "$@" "$P/$d/$f"; fi
  done
  [ $# = 0 ] || mv -f -- "$@" "$R/$d/" || exit 9
}
# n NAME FINAL: move one file to another name.
n() {
  [ ! -d "$R/$2" ] || die "$R/$2 is a folder"
  [ ! -e "$P/$1" ] || mv -f -- "$P/$1" "$R/$2" || exit 9
}
# c MODE FOLDER: set its mode, unless it is still in the part folder: then it existed before and keeps its mode.
c() { [ -d "$P/$2" ] || chmod "$1" -- "$R/$2" || exit 9; }
l() { rm -f -- "$P/$1" && ln -s -- "$2" "$P/$1" || exit 9; }
"""


def inspect(paths: Sequence[bytes]) -> bytes:
    """Print which of rsync and tar exist, and what each path is."""
    return START + _INSPECT + b"".join(b"inspect %s\n" % words((path, folder_of(path))) for path in paths)


def listing(folder: bytes) -> bytes:
    """List all entries of a folder."""
    return START + LIST + b"list %s\n" % quoted(folder)


def prepare(job: Job) -> bytes:
    """Make the part folder, remove those of older versions of this copy, and list what it already contains."""
    others = below(folder_of(job.part), job.part_prefix) if job.replaces_parts else job.part
    head = b"P=%s O=%s\n" % (quoted(job.part), quoted(others))
    return START + LIST + head + _PREPARE + b'list "$P"\n'


def clean(job: Job, stale: Sequence[bytes], folders: Sequence[Entry]) -> bytes:
    """Remove `stale` paths from the part folder, and make its folders."""
    lines = [START, b"cd -- %s || exit 9\n" % quoted(job.part)]
    lines += [b"rm -rf -- %s || exit 9\n" % words(b"./" + path for path in some) for some in batches(stale)]
    paths = [b"./" + folder.path for folder in folders]
    lines += [b"mkdir -p -- %s && chmod u+rwx -- %s || exit 9\n" % (words(s), words(s)) for s in batches(paths)]
    return b"".join(lines)


def move_into_place(job: Job) -> bytes:
    """Make links and set modes, then move everything from the part folder to its final path."""
    lines = [START, b"P=%s R=%s\n" % (quoted(job.part), quoted(job.root)), _PLACE]
    lines += [b"l %s\n" % words((e.path, e.target)) for e in job.entries if e.kind is Kind.LINK]
    folders = [e for e in job.entries if e.kind is Kind.FOLDER]
    if job.creates_root:
        lines += [b'chmod %o -- "$P"/%s || exit 9\n' % (f.mode, quoted(f.path)) for f in reversed(folders)]
        lines.append(b'chmod %o -- "$P" || exit 9\n' % job.mode)
        lines.append(b'if [ -e "$R" ] || [ -L "$R" ]; then die "$R has appeared meanwhile"; fi\n')
        lines.append(b'mv -- "$P" "$R" || exit 9\n')
    else:
        lines += [b"n %s\n" % words((e.path, job.renamed[e.path])) for e in job.entries] if job.renamed else _merge(job)
        lines += [b"c %o %s\n" % (folder.mode, quoted(folder.path)) for folder in reversed(folders)]
        lines.append(b'chmod -R u+rwx -- "$P" && rm -rf -- "$P"\n')
    return b"".join(lines)


def _merge(job: Job) -> list[bytes]:
    held: dict[bytes, list[bytes]] = {b"": []}
    for entry in job.entries:
        if entry.kind is Kind.FOLDER:
            held[entry.path] = []
        else:
            held[entry.path.rpartition(b"/")[0]].append(entry.path.rpartition(b"/")[2])
    lines = []
    for folder, names in held.items():
        moves = b"; ".join(b"m %s" % words((folder or b".", *some)) for some in batches(names)) or b":"
        lines.append((b"if b %s; then %s; fi\n" % (quoted(folder), moves)) if folder else moves + b"\n")
    return lines
