"""`cp` that is cut off: nothing half bears a final name, and the same command ends in the same place."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from gpushopper.errors import ShopperError
from tests.cli.copies import TIME, Way, files_in, tree, write

LIMIT = 400_000
BIG = random.Random(1).randbytes(1_000_000)


def counted(path: Path) -> int:
    total = sum(map(int, path.read_text().split()))
    path.unlink()
    return total


def cut(way: Way, *words: str) -> None:
    """Copy over a connection that is lost in the middle of the large file."""
    with way.far.thin(LIMIT) as counter, pytest.raises(ShopperError) as caught:
        way(*words)
    assert caught.value.hint == "run the same command again; it resumes the copy", caught.value
    counter.unlink()


def repeat(way: Way, *words: str) -> int:
    """Copy again; how many bytes that took."""
    with way.far.thin(10**9) as counter:
        way(*words)
    return counted(counter)


def parts(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if ".gs-part" in name]


@pytest.mark.parametrize("before", [b"older", pytest.param(None, marks=pytest.mark.proofs)])
def test_a_cut_off_file_is_resumed(way: Way, before: bytes | None):
    write(way.give / "f", BIG)
    if before is not None:
        write(way.take / "g", before)
    cut(way, "f", "g")
    assert ((way.take / "g").read_bytes() if before is not None else None) == before
    assert len(parts(way.take)) == 1
    took = repeat(way, "f", "g")
    assert tree(way.take) == {b"g": (0o640, TIME, BIG)}
    if way.far.carrier != "tar":
        assert took < len(BIG) - LIMIT // 2


@pytest.mark.proofs
def test_a_file_that_changed_meanwhile_is_copied_from_the_start(way: Way):
    write(way.give / "f", BIG)
    cut(way, "f", "g")
    write(way.give / "f", BIG[::-1], time=TIME + 1)
    repeat(way, "f", "g")
    assert tree(way.take) == {b"g": (0o640, TIME + 1, BIG[::-1])}


@pytest.mark.parametrize(
    "target", ["new", *(pytest.param(name, marks=pytest.mark.proofs) for name in ("into", "data/"))]
)
def test_a_folder_ends_in_the_same_place(way: Way, target: str):
    """A second copy was nested into the first, and a truncated file was left, where a copy was repeated as advised."""
    write(way.give / "data" / "a", BIG[:200_000])
    write(way.give / "data" / "z", BIG)
    (way.give / "data" / "l").symlink_to("a")
    final = way.take / {"new": "new", "into": "into/data", "data/": "data"}[target]
    if target == "into":
        write(way.take / "into" / "data" / "z", b"older")
    words = ("data/", "data") if target == "data/" else ("data", target)
    cut(way, *words)
    assert (final / "z").read_bytes() == b"older" if target == "into" else not final.exists()
    write(way.give / "data" / "b", b"added")
    (way.give / "data" / "l").unlink()
    took = repeat(way, *words)
    assert files_in(final) == {b"a": BIG[:200_000], b"b": b"added", b"z": BIG}
    assert not (final / "l").is_symlink()
    assert not [name for _, folders, _ in os.walk(way.take) for name in folders if ".gs-part" in name]
    assert took < len(BIG) + 100_000  # the file that had arrived is not sent again


@pytest.mark.proofs
def test_a_file_that_was_deleted_meanwhile_is_not_copied(way: Way):
    write(way.give / "data" / "a", b"gone soon")
    write(way.give / "data" / "b" / "c" / "d", b"gone soon")
    write(way.give / "data" / "z", BIG)
    cut(way, "data", "new")
    (way.give / "data" / "a").unlink()
    (way.give / "data" / "a").mkdir()
    shutil.rmtree(way.give / "data" / "b")
    write(way.give / "data" / "b", b"a file now")
    repeat(way, "data", "new")
    assert files_in(way.take) == {b"new/z": BIG, b"new/b": b"a file now"}
