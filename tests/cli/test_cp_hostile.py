"""`cp` from an instance that lies: nothing is written outside the target folder, and no link leading out is made."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from gpushopper.errors import NotFound, ShopperError
from gpushopper.results.entries import Entry, Kind, check_listing, points_out
from tests.cli.copies import TIME, Way, files_in, tree, write
from tests.cli.far_side import Far


@pytest.fixture
def down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    far = Far(tmp_path, "tar")
    monkeypatch.setenv("PATH", f"{far.bin}:/usr/bin:/bin")
    return Way(far, False)


def replace_program(far: Far, name: str, script: str) -> None:
    (far.top / "farbin" / name).unlink()
    (far.top / "farbin" / name).write_text(f"#!/bin/sh\n{script}\n")
    (far.top / "farbin" / name).chmod(0o755)


def lie(far: Far, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    """Let the instance's tar answer with these members, whatever it is asked for."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (far.top / "lie.tar").write_bytes(out.getvalue())
    replace_program(far, "tar", f"exec /bin/cat '{far.top / 'lie.tar'}'")


def member(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime = kind, target, 0o6755, TIME
    return info, content


def test_a_tar_stream_with_paths_outside_writes_nothing_outside(down: Way, tmp_path: Path):
    write(down.give / "data" / "a", b"1")
    write(down.give / "data" / "sub" / "b", b"2")
    outside = tmp_path / "outside"
    outside.mkdir()
    lie(
        down.far,
        member(f"{outside}/abs", content=b"evil"),
        member("../../up", content=b"evil"),
        member("./sub", tarfile.SYMTYPE, str(outside)),
        member("./sub/b", tarfile.SYMTYPE, str(outside)),
        member("./a", tarfile.LNKTYPE, "/etc/passwd"),
        member("./a", tarfile.LNKTYPE, "../../outside"),
        member("./a", tarfile.CHRTYPE),
        member("./extra", content=b"not asked for"),
        member("./a", content=b"1"),
    )
    with pytest.raises(ShopperError, match="sub/b did not arrive"):
        down("data", "copy")
    assert os.listdir(outside) == [] and not (tmp_path / "up").exists()
    assert not (down.take / "copy").exists()
    assert set(files_in(down.take).values()) == {b"1"}
    assert not any(isinstance(value, bytes) for value in tree(down.take).values()), "a link was made"


def test_no_file_comes_with_the_rights_of_another(down: Way):
    write(down.give / "a")
    lie(down.far, member("./a", content=b"1"))
    down("a", "a")
    assert (down.take / "a").stat().st_mode & 0o7777 == 0o755


def test_a_truncated_copy_is_no_success(down: Way):
    write(down.give / "a")
    replace_program(down.far, "tar", "exit 0")
    with pytest.raises(ShopperError, match="a did not arrive"):
        down("a", "a")
    assert not (down.take / "a").exists()


@pytest.mark.parametrize("path", ["../evil", "/evil", ".", "a/../../evil", "a//b", "nowhere/file"])
def test_a_listing_with_paths_outside_is_refused(down: Way, path: str):
    write(down.give / "data" / "a")
    replace_program(down.far, "find", f"case $* in *readlink*|*-print*) ;; *) echo '81a4 1 1 ./{path}//' ;; esac")
    with pytest.raises(ShopperError, match=r"is invalid|unreadable list"):
        down("data", "copy")
    assert os.listdir(down.take) == []


@pytest.mark.parametrize("answer", ["", "garbage", r"\377\376", "file 1 zz 1 1//x", "=0"])
def test_an_invalid_answer_is_refused(down: Way, answer: str):
    replace_program(down.far, "stat", f"printf '{answer}'")
    replace_program(down.far, "find", f"printf '{answer}'")
    write(down.give / "data" / "a")
    with pytest.raises(ShopperError):
        down("data", "copy")
    assert os.listdir(down.take) == []


def test_a_part_folder_of_another_user_is_not_used(down: Way, tmp_path: Path):
    write(down.give / "data" / "a")
    with down.far.thin(0), pytest.raises(ShopperError):
        down("data", "copy")
    replace_program(down.far, "tar", "exit 1")
    with pytest.raises(ShopperError):
        down("data", "copy")
    (part,) = (name for name in os.listdir(down.take) if ".gs-part" in name)
    (down.take / part).rmdir()
    (tmp_path / "outside").mkdir()
    (down.take / part).symlink_to(tmp_path / "outside")
    with pytest.raises(ShopperError, match="in the way"):
        down("data", "copy")
    assert os.listdir(tmp_path / "outside") == []


def test_a_folder_is_not_merged_through_a_link(way: Way, tmp_path: Path):
    write(way.give / "data" / "sub" / "a")
    (tmp_path / "outside").mkdir()
    (way.take / "data").mkdir()
    (way.take / "data" / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(ShopperError, match="sub is not a folder"):
        way("data", ".")
    assert os.listdir(tmp_path / "outside") == []


def link(path: str, target: str) -> Entry:
    return Entry(path.encode(), Kind.LINK, target=target.encode())


@pytest.mark.parametrize(
    ("path", "target", "out"),
    [
        ("l", "a", False), ("l", "a/b", False), ("l", ".", False), ("d/l", "../a", False), ("d/l", "..", False),
        ("l", "d/../a", False), ("l", "d/e/..", False), ("l", "a//b/", False), ("d/e/l", "../../a", False),
        ("l", "", True), ("l", "/etc", True), ("l", "..", True), ("l", "../data/a", True), ("d/l", "../../a", True),
        ("l", "l1/../..", True), ("l", "l1/..", True), ("l", "d/l1/../a", True), ("l", "d/../../a", True),
    ],
)  # fmt: skip
def test_which_links_point_out(path: str, target: str, out: bool):
    """`l1` is a link: behind it `..` leads to wherever that link leads."""
    assert points_out(link(path, target), {b"d", b"d/e"}) is out


def test_an_entry_needs_its_folder():
    for paths in ((b"a/b",), (b"a", b"a/b"), (b"a", b"a"), (b"..",), (b"a\0",)):
        with pytest.raises(ShopperError, match="is invalid"):
            check_listing(Entry(path, Kind.FILE) for path in paths)


def test_no_transport_is_available(down: Way):
    write(down.give / "a")
    (down.far.top / "farbin" / "tar").unlink()
    with pytest.raises(ShopperError, match=r"no rsync there; .*; no tar there"):
        down("a", "a")
    with pytest.raises(NotFound):
        down("b", "a")
