"""`cp`: what was typed, and the exact path each source becomes, as values."""

from __future__ import annotations

import pytest

from gpushopper.cli.remote.copy.copy_errors import RETRY_HINT, hint_for
from gpushopper.cli.remote.copy.entries import select
from gpushopper.cli.remote.copy.path_arguments import (
    PathArgument,
    folder_of,
    from_home,
    last_name,
    option_safe,
    parse_arguments,
)
from gpushopper.cli.remote.copy.planning import PathInfo, Source, assign_targets, candidates, jobs
from gpushopper.errors import UsageError
from gpushopper.results.entries import Entry, Kind


@pytest.mark.parametrize(
    "words",
    [("a", "b"), ("t:a", "t:b"), ("a", "t:b", "t:c"), ("a",), ("a", "t:b", "c"), ("t:a", "u:b", "c"), ("", "t:a"),
     ("-", "a", "t:b"), ("t:a", "t:b", "-"), ("./t:a", "b")],
)  # fmt: skip
def test_invalid_copy_arguments_are_refused(words: tuple[str, ...]):
    with pytest.raises(UsageError):
        parse_arguments(words)


def test_arguments_keep_their_bytes():
    found = parse_arguments(("\udcff é", "t:\udcfe:x"))
    assert found.sources == (PathArgument(None, b"\xff \xc3\xa9"),) and found.target == PathArgument("t", b"\xfe:x")
    assert found.session == "t" and found.is_upload


@pytest.mark.parametrize(
    ("typed", "path"),
    [(b"", b"./."), (b"~", b"./."), (b"~/a/", b"./a"), (b"a", b"./a"), (b"-rf", b"./-rf"), (b"/", b"/"),
     (b"//a//", b"//a"), (b"~a", b"./~a")],
)  # fmt: skip
def test_relative_remote_paths_start_in_the_home_folder(typed: bytes, path: bytes):
    assert option_safe(from_home(typed)) == path


@pytest.mark.parametrize(
    ("path", "name", "folder"),
    [(b"a", b"a", b"."), (b"./a/b/", b"b", b"./a"), (b"/a", b"a", b"/"), (b"/", b"", b"/"), (b"..", b"", b"."),
     (b"a/.", b"", b"a"), (b"~", b"~", b".")],
)  # fmt: skip
def test_the_last_name_of_a_path(path: bytes, name: bytes, folder: bytes):
    assert (last_name(path), folder_of(path)) == (name, folder)


def finals(typed: bytes, what: str, target: bytes, target_is: str) -> bytes:
    path = option_safe(target)
    seen = {p: PathInfo(p) for p in candidates([typed], path)}
    seen[path] = PathInfo(path, target_is)
    source = Source(typed, PathInfo(option_safe(typed), what, b"/real/" + last_name(typed)))
    ((_, final),) = assign_targets([source], target, seen, path, "", False)
    return final


@pytest.mark.parametrize(
    ("typed", "what", "target", "target_is", "final"),
    [
        (b"f", "file", b"new", "none", b"./new"), (b"f", "file", b"old", "file", b"./old"),
        (b"a/f", "file", b"in", "folder", b"./in/f"), (b"a/f", "file", b"in/", "folder", b"./in/f"),
        (b"d", "folder", b"new", "none", b"./new"), (b"a/d", "folder", b"in", "folder", b"./in/d"),
        (b"d/", "folder", b"new", "none", b"./new"), (b"d/", "folder", b"in", "folder", b"./in"),
        (b"d/", "folder", b"new/", "none", b"./new"), (b".", "folder", b"in", "folder", b"./in"),
        (b"../..", "folder", b"in", "folder", b"./in"), (b"f", "file", b"/", "folder", b"/f"),
    ],
)  # fmt: skip
def test_the_exact_path_of_a_copy(typed: bytes, what: str, target: bytes, target_is: str, final: bytes):
    assert finals(typed, what, target, target_is) == final


def test_a_part_folder_is_found_again_by_the_same_copy_only():
    def part(size: int = 5, origin: bytes = b"s1", name: bytes = b"f") -> bytes:
        source = Source(name, PathInfo(b"./" + name, "file", b"/root/" + name, size=size))
        path = b"./t"
        moves = assign_targets([source], b"t", {path: PathInfo(path, "none")}, path, "", False)
        return jobs(moves, {}, {}, origin)[0].part

    assert part() == part() and part().startswith(b"./.t.gs-part-")
    assert len({part(), part(size=6), part(origin=b"s2"), part(name=b"g")}) == 4


def test_exclude_matches_names_and_paths():
    names = (b"a.tmp", b"raw", b"raw/x", b"sub", b"sub/b.tmp", b"sub/keep", b"sub/raw", b"[x]")
    folders = {b"raw", b"sub", b"sub/raw"}
    found = [Entry(name, Kind.FOLDER if name in folders else Kind.FILE) for name in names]

    def kept(*patterns: bytes) -> list[bytes]:
        return [entry.path for entry in select(found, patterns).entries]

    assert kept() == sorted(names)
    assert kept(b"*.tmp", b"raw/") == [b"[x]", b"sub", b"sub/keep"]
    assert kept(b"sub/raw", b"[[]x]") == [b"a.tmp", b"raw", b"raw/x", b"sub", b"sub/b.tmp", b"sub/keep"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [(b"sub", []), (b"sub/", []), (b"/sub", [b"a/sub"]), (b"./sub", [b"a/sub"]), (b"/a/sub/", [b"sub"]),
     (b"./s*", [b"a/sub"]), (b"a/sub", [b"sub"]), (b".hidden", [b"a/sub", b"sub"])],
)  # fmt: skip
def test_a_pattern_with_a_slash_before_it_is_a_path_from_the_folder_on(pattern: bytes, left: list[bytes]):
    found = [Entry(path, Kind.FOLDER) for path in (b"a", b"a/sub", b"sub")] + [Entry(b".hidden", Kind.FILE)]
    kept = [entry.path for entry in select(found, [pattern]).entries]
    assert [path for path in kept if path.endswith(b"sub")] == left and (b".hidden" in kept) == (pattern != b".hidden")


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        ("connection reset by peer", True),
        ("mkdir: cannot create directory 'x': Permission denied", False),
        ("rsync: [receiver] mkstemp failed: Read-only file system (30)", False),
    ],
)
def test_the_hint_advises_a_retry_only_where_it_may_succeed(reason: str, again: bool):
    assert (hint_for(reason) == RETRY_HINT) is again
