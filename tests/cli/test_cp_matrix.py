"""`cp`: one expected tree, whichever program carries the files, in whichever direction, compared byte by byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpushopper.errors import NotFound, UsageError
from tests.cli.copies import BIG, FILE, ODD_NAMES, TIME, Way, files_in, tree, write


def plant(top: Path) -> None:
    """A folder with everything in it."""
    data = top / "data"
    write(data / "file")
    write(data / "sub" / "run.sh", b"#!/bin/sh\n", 0o755)
    write(data / "big", BIG)
    write(data / "empty", b"")
    for name in ODD_NAMES:
        write(os.fsencode(data / "odd") + b"/" + name, name)
    (data / "hollow").mkdir()
    (data / "sub").chmod(0o750)
    for folder in (data, data / "odd", data / "hollow"):
        folder.chmod(0o755)
    links = {"to-file": "file", "to-folder": "sub", "sub/up": "../file", "sub/down": "../sub/run.sh", "gone": "nowhere"}
    for name, target in links.items():
        (data / name).symlink_to(target)
    leading_out = {"out": "../other", "abs": str(data / "file"), "sub/far": "../../other", "sly": "to-folder/../../x"}
    for name, target in leading_out.items():
        (data / name).symlink_to(target)
    os.mkfifo(data / "fifo")


def planted(root: bytes) -> dict[bytes, object]:
    """What must arrive of it."""
    kept: dict[bytes, object] = {
        b"": 0o755, b"/file": FILE, b"/sub": 0o750, b"/sub/run.sh": (0o755, TIME, b"#!/bin/sh\n"),
        b"/big": (0o640, TIME, BIG), b"/empty": (0o640, TIME, b""), b"/odd": 0o755, b"/hollow": 0o755,
        b"/to-file": b"file", b"/to-folder": b"sub", b"/sub/up": b"../file", b"/sub/down": b"../sub/run.sh",
        b"/gone": b"nowhere",
    }  # fmt: skip
    kept |= {b"/odd/" + name: (0o640, TIME, name) for name in ODD_NAMES}
    return {root + path: value for path, value in kept.items()}


# ---- what goes where


def test_a_file(way: Way):
    write(way.give / "f", BIG, 0o750)
    done = way("f", "g")
    assert tree(way.take) == {b"g": (0o750, TIME, BIG)}
    assert done.by == [way.far.carrier]


def test_a_file_takes_the_place_of_another(way: Way):
    write(way.give / "f", b"new")
    write(way.take / "g", b"older and longer", 0o600, TIME + 5)
    for _ in range(2):
        way("f", "g")
        assert tree(way.take) == {b"g": (0o640, TIME, b"new")}


def test_a_file_into_a_folder(way: Way):
    write(way.give / "f")
    (way.take / "into").mkdir(mode=0o755)
    way("f", "into")
    way("f", "into/")
    way("f", ".")
    assert tree(way.take) == {b"f": FILE, b"into": 0o755, b"into/f": FILE}


def test_a_folder_with_everything_in_it(way: Way):
    plant(way.give)
    done = way("data", "copy")
    assert tree(way.take) == planted(b"copy")
    assert sorted(done.left_out) == [b"abs", b"fifo", b"out", b"sly", b"sub/far"]
    said = "\n".join(way.far.notes)
    assert "4 links that point out" in said and "sub/far -> ../../other" in said and "fifo" in said
    assert "gone -> nowhere" in said


def test_a_folder_into_a_folder_keeps_its_name_and_what_is_there(way: Way):
    plant(way.give)
    write(way.take / "into" / "data" / "file", b"older", 0o600, TIME + 9)
    write(way.take / "into" / "data" / "sub" / "mine", b"mine")
    for folder in ("into", "into/data", "into/data/sub"):
        (way.take / folder).chmod(0o701)
    expected = planted(b"into/data") | {b"into": 0o701, b"into/data": 0o701, b"into/data/sub": 0o701}
    expected[b"into/data/sub/mine"] = (0o640, TIME, b"mine")
    for _ in range(2):
        way("data", "into")
        assert tree(way.take) == expected


def test_a_file_of_the_same_size_and_time_is_copied_all_the_same(way: Way):
    """As archives unpack them: the time of each file is that of the archive's making."""
    write(way.give / "data" / "a", b"new")
    write(way.give / "data" / "b", b"same")
    write(way.take / "data" / "a", b"old")
    write(way.take / "data" / "b", b"same")
    way("data", ".")
    assert files_in(way.take) == {b"data/a": b"new", b"data/b": b"same"}
    write(way.give / "data" / "a", b"now")
    way("data/", "data")
    assert files_in(way.take) == {b"data/a": b"now", b"data/b": b"same"}


def test_entries_of_a_folder(way: Way):
    plant(way.give)
    for _ in range(2):
        way("data/", "new")
        assert tree(way.take) == planted(b"new")
    (way.take / "new" / "extra").mkdir(mode=0o755)
    way("data/.", "new/extra/")
    assert {k: v for k, v in tree(way.take).items() if k.startswith(b"new/extra/")} == {
        k: v for k, v in planted(b"new/extra").items() if k != b"new/extra"
    }


def test_a_link_that_is_named_is_followed_and_keeps_the_name_that_was_typed(way: Way):
    write(way.give / "store" / "2026-11-01" / "f")
    (way.give / "store" / "2026-11-01").chmod(0o755)
    (way.give / "data").symlink_to("store/2026-11-01")
    (way.give / "latest").symlink_to("store/2026-11-01/f")
    (way.take / "into").mkdir(mode=0o755)
    way("data", "latest", "into")
    way("latest", "g")
    expected = {b"into": 0o755, b"into/data": 0o755, b"into/data/f": FILE, b"into/latest": FILE, b"g": FILE}
    assert tree(way.take) == expected


def test_several_sources(way: Way):
    for name in ("a", "b", "one/c"):
        write(way.give / name, name.encode())
    (way.give / "one").chmod(0o755)
    with pytest.raises(NotFound, match=r"no such folder (here|there): into; add --mkdir"):
        way("a", "b", "one", "into")
    way("a", "b", "one", "one/c", "into", mkdir=True)
    assert files_in(way.take) == {
        b"into/a": b"a", b"into/b": b"b", b"into/one/c": b"one/c", b"into/c": b"one/c"
    }  # fmt: skip
    with pytest.raises(UsageError, match="two sources would become"):
        way("a", "./a", "into")


def test_two_links_to_one_file_are_two_files(way: Way):
    write(way.give / "f")
    for name in ("x", "y"):
        (way.give / name).symlink_to("f")
    way("x", "y", "f", ".")
    assert tree(way.take) == {b"x": FILE, b"y": FILE, b"f": FILE}


def test_exactly_the_named_files(way: Way):
    """No wildcard is expanded: `c[x]` is not `cx`, `*` is not everything."""
    for name in ODD_NAMES:
        write(os.fsencode(way.give) + b"/" + name, name)
    named = [name for name in ODD_NAMES if name not in (b"cx", b".hidden", b"a b")]
    way(*(f"./{name.decode('utf-8', 'surrogateescape')}" for name in named), ".")
    assert tree(way.take) == {name: (0o640, TIME, name) for name in named}


def test_hard_links_become_files(way: Way):
    write(way.give / "data" / "a", BIG)
    os.link(way.give / "data" / "a", way.give / "data" / "b")
    (way.give / "data").chmod(0o755)
    way("data", "copy")
    assert tree(way.take) == {b"copy": 0o755, b"copy/a": (0o640, TIME, BIG), b"copy/b": (0o640, TIME, BIG)}
    assert (way.take / "copy" / "a").stat().st_nlink == 1


def test_a_folder_that_may_not_be_written_to(way: Way):
    for name in ("data/sub/a", "data/sub/deep/b"):
        write(way.give / name)
    for name in ("data/sub/deep", "data/sub", "data"):
        (way.give / name).chmod(0o555)
    (way.take / "into" / "data").mkdir(parents=True)
    (way.take / "into" / "data").chmod(0o750)
    way("data", "into")
    found = tree(way.take)
    modes = {b"into/data": 0o750, b"into/data/sub": 0o555, b"into/data/sub/deep": 0o555}
    assert {key: found[key] for key in modes} == modes and found[b"into/data/sub/deep/b"] == FILE


def test_exclude(way: Way):
    for name in ("keep.py", "x.tmp", "sub/y.tmp", "sub/z", ".git/config", "sub/.git/config", "raw/keep"):
        write(way.give / "data" / name)
    way("data", "copy", exclude=(b"*.tmp", b".git/", b"raw/*"))
    assert sorted(files_in(way.take)) == [b"copy/keep.py", b"copy/sub/z"]
    assert (way.take / "copy" / "raw").is_dir()


def test_a_missing_folder_is_reported_and_made_with_mkdir(way: Way):
    write(way.give / "f")
    write(way.give / "d" / "f")
    side = "there" if way.is_up else "here"
    for words in (("f", "a/b/g"), ("d", "a/b/g")):
        with pytest.raises(NotFound, match=f"no such folder {side}: a/b; add --mkdir"):
            way(*words)
    with pytest.raises(NotFound, match=f"no such folder {side}: a/b/; add --mkdir"):
        way("f", "a/b/")
    assert tree(way.take) == {}
    way("f", "a/b/g", mkdir=True)
    way("d", "a/c/e", mkdir=True)
    way("f", "a/d/", mkdir=True)
    assert {k for k, v in tree(way.take).items() if v == FILE} == {b"a/b/g", b"a/c/e/f", b"a/d/f"}


def test_conflicting_targets_are_refused_before_anything_is_copied(way: Way):
    write(way.give / "f")
    write(way.give / "d" / "f")
    os.mkfifo(way.give / "fifo")
    write(way.take / "file")
    (way.take / "folder" / "f").mkdir(parents=True)
    os.mkfifo(way.take / "pipe")
    before = sorted(os.listdir(way.take))
    for words in (("d", "file"), ("f", "folder"), ("f", "pipe"), ("fifo", "x"), ("f/", "x"), ("f", "file/")):
        with pytest.raises(UsageError):
            way(*words)
    with pytest.raises(NotFound, match="there is no none"):
        way("none", "x")
    assert sorted(os.listdir(way.take)) == before
