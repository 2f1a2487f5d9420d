"""`cp` needs a shell and tar on an instance, whatever else its image has or lacks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gpushopper.errors import DiskFull, ShopperError
from tests.cli.copies import BIG, Way, files_in, tree, write
from tests.cli.far_side import Far
from tests.cli.test_cp_matrix import plant, planted
from tests.needs import needs

needs_busybox = needs("busybox")
needs_sftp = needs("sftp-server")
IMAGES = {
    "dash": {"shell": "dash"},
    "bash": {"shell": "bash"},
    "no find": {"programs": "bare"},
    "busybox": {"shell": "busybox", "programs": "busybox"},
    "greets": {"greeting": "Welcome!\\nhave fun"},
}


def make(top: Path, direction: str, monkeypatch: pytest.MonkeyPatch, carrier: str = "tar", **traits: str) -> Way:
    far = Far(top, carrier, **traits)
    monkeypatch.setenv("PATH", f"{far.bin}:/usr/bin:/bin")
    return Way(far, direction == "up")


@pytest.mark.parametrize(
    "image",
    [
        "no find",
        pytest.param("busybox", marks=needs_busybox),
        pytest.param("greets", marks=needs("rsync")),
        *(pytest.param(shell, marks=pytest.mark.proofs) for shell in ("dash", "bash")),
    ],
)
def test_every_image_gives_the_same_tree(image: str, direction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    way = make(tmp_path, direction, monkeypatch, "rsync" if image == "greets" else "tar", **IMAGES[image])
    plant(way.give)
    for _ in range(2):
        done = way("data", "new") if not (way.take / "new").exists() else way("data/", "new")
        assert tree(way.take) == planted(b"new")
        assert done.by == ["tar"]


@needs_sftp
def test_without_tar_folders_are_transferred_by_sftp(direction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    way = make(tmp_path, direction, monkeypatch, "sftp")
    (way.far.top / "farbin" / "tar").unlink()
    plant(way.give)
    assert way("data", "new").by == ["sftp"]
    assert tree(way.take) == planted(b"new")


@needs_sftp
def test_sftp_reads_blocks_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    way = make(tmp_path, "down", monkeypatch, "sftp")
    for size in (0, 1, 32767, 32768, 32769, 64 * 32768, 64 * 32768 + 1):
        write(way.give / f"f{size}", os.urandom(size))
    way(*sorted(os.listdir(way.give)), ".")
    assert files_in(way.take) == files_in(way.give)


def test_many_files_with_long_names(direction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """More names than one call of a program takes, and a path longer than an old tar header."""
    way = make(tmp_path, direction, monkeypatch)
    for number in range(700):
        write(way.give / "data" / f"{number:0100}", b"%d" % number)
    deep = Path(*["d" * 60] * 6) / "f"
    write(way.give / "data" / deep, b"deep")
    way("data", "new")
    found = files_in(way.take / "new")
    assert len(found) == 701 and found[os.fsencode(deep)] == b"deep" and found[b"%0100d" % 699] == b"699"


def test_a_name_as_long_as_the_file_system_takes(way: Way):
    name = "n" * 255
    write(way.give / name, BIG)
    way(name, ".")
    assert files_in(way.take) == {name.encode(): BIG}


@pytest.mark.parametrize("said", ["tar: f: Cannot write: No space left on device", "tar: f: Disk quota exceeded"])
def test_a_full_disk_there_is_one_clear_line(said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    way = make(tmp_path, "up", monkeypatch)
    program = way.far.top / "farbin" / "tar"
    program.unlink()
    program.write_text(f"#!/bin/sh\necho 'tar: some' >&2; echo '{said}' >&2; exit 2\n")
    program.chmod(0o755)
    write(way.give / "f")
    with pytest.raises(DiskFull, match="the disk of train is full"):
        way("f", "g")
    assert not (way.take / "g").exists()


def test_an_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    way = make(tmp_path, "down", monkeypatch)
    write(way.give / "data" / "f")
    program = way.far.top / "farbin" / "find"
    program.unlink()
    program.write_text(f'#!/bin/sh\n{shutil.which("find")} "$@"; exit 1\n')
    program.chmod(0o755)
    with pytest.raises(ShopperError, match="cannot be read completely"):
        way("data", "new")
