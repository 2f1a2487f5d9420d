"""`cp`: real rsync, scp and sftp to a real server and back."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.ssh_stage import Stage
from tests.ssh_hosts import limit

ODD = "a b'c\"d*é"
needs_rsync = pytest.mark.skipif(not Path("/usr/bin/rsync").exists(), reason="there is no rsync here")
CARRIERS = (pytest.param("rsync", marks=needs_rsync), "scp")


@pytest.fixture(params=CARRIERS)
def carried(request: pytest.FixtureRequest, stage: Stage, tmp_path: Path) -> Stage:
    """Each means in turn: without rsync on the instance, OpenSSH's own."""
    if request.param == "rsync":
        (stage.host.home / "bin" / "rsync").symlink_to("/usr/bin/rsync")
    else:
        hide(stage, tmp_path)
    return stage


def hide(stage: Stage, folder: Path) -> None:
    """Leave this side without rsync."""
    shown = folder / "bin"
    shown.mkdir()
    for name in ("ssh", "scp", "sftp"):
        (shown / name).symlink_to(f"/usr/bin/{name}")
    stage.path = str(shown)


def copy(stage: Stage, *words: str | Path, cwd: Path | None = None) -> str:
    found = stage("cp", *map(str, words), cwd=cwd, **({"PATH": stage.path} if stage.path else {}))
    assert found.code == 0, found.err
    assert found.out == ""
    return found.err


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_a_file_there_and_back(carried: Stage, here: Path):
    content = os.urandom(200_000)
    (here / "data").write_bytes(content)
    (here / "data").chmod(0o750)
    copy(carried, here / "data", "train:data")
    assert (carried.host.home / "data").read_bytes() == content
    assert (carried.host.home / "data").stat().st_mode & 0o777 == 0o750
    copy(carried, "train:data", here / "back")
    assert (here / "back").read_bytes() == content


def test_a_folder_goes_as_cp_does_it(carried: Stage, here: Path):
    (here / "tree" / "sub").mkdir(parents=True)
    (here / "tree" / "sub" / "file").write_text("x")
    for _ in range(2):  # into a folder that is there, twice the same
        (carried.host.home / "into").mkdir(exist_ok=True)
        copy(carried, here / "tree", "train:into")
    copy(carried, f"{here}/tree/", "train:new")
    found = sorted(str(p.relative_to(carried.host.home)) for p in carried.host.home.rglob("file"))
    assert found == ["into/tree/sub/file", "new/sub/file"]
    (here / "back").mkdir()
    copy(carried, "train:new", here / "back")
    copy(carried, "train:new/", here / "other")
    assert sorted(str(p.relative_to(here)) for p in here.rglob("file")) == [
        "back/new/sub/file", "other/sub/file", "tree/sub/file"
    ]  # fmt: skip


def test_names_of_any_kind_go_unharmed(carried: Stage, here: Path):
    for name in (ODD, "-rf", "a:b"):
        (here / name).write_text(name)
        copy(carried, f"./{name}", f"train:./{name}", cwd=here)
        assert (carried.host.home / name).read_text() == name
        copy(carried, f"train:./{name}", here / "back")
        assert (here / "back").read_text() == name


@pytest.mark.parametrize("path", ["~/data", "./data", "data"])
def test_paths_there_begin_at_home(carried: Stage, here: Path, path: str):
    (here / "data").write_text("x")
    copy(carried, here / "data", f"train:{path}")
    assert (carried.host.home / "data").read_text() == "x"


def test_an_empty_path_is_the_home_folder(carried: Stage, here: Path):
    (here / "data").write_text("x")
    copy(carried, here / "data", "train:")
    assert (carried.host.home / "data").read_text() == "x"


@needs_rsync
def test_the_means_are_told(stage: Stage, here: Path, tmp_path: Path):
    (here / "data").write_text("x")
    assert "by scp" not in copy(stage, here / "data", "train:data")
    hide(stage, tmp_path)
    assert "by scp" in copy(stage, here / "data", "train:data")
    found = stage("cp", str(here / "data"), "train:data", "--json", PATH=stage.path)
    assert found.json["by"] == "scp"


# ---- going on


@needs_rsync
def test_rsync_goes_on_with_what_is_there(stage: Stage, here: Path):
    content = os.urandom(300_000)
    (here / "data").write_bytes(content)
    (stage.host.home / "data").write_bytes(content[:100_000])
    copy(stage, here / "data", "train:data")
    assert (stage.host.home / "data").read_bytes() == content


@needs_rsync
def test_a_change_within_a_second_and_of_one_length_is_seen(stage: Stage, here: Path):
    (stage.host.home / "bin" / "rsync").symlink_to("/usr/bin/rsync")
    for text, nanoseconds in (("one", 100), ("two", 200)):
        (here / "data").write_text(text)
        os.utime(here / "data", ns=(10**18 + nanoseconds, 10**18 + nanoseconds))
        assert "by scp" not in copy(stage, here / "data", "train:data")
        assert (stage.host.home / "data").read_text() == text


@pytest.mark.parametrize("name", ["data", ODD])
def test_sftp_goes_on_with_what_is_there(stage: Stage, here: Path, tmp_path: Path, name: str):
    hide(stage, tmp_path)
    content = os.urandom(300_000)
    (here / name).write_bytes(content)
    (stage.host.home / name).write_bytes(content[:100_000])
    assert "by sftp" in copy(stage, "--resume", here / name, f"train:{name}")
    assert (stage.host.home / name).read_bytes() == content
    (here / "back").write_bytes(content[:50_000])
    copy(stage, "--resume", f"train:{name}", here / "back")
    assert (here / "back").read_bytes() == content
    copy(stage, "--resume", f"train:{name}", here / "new")
    assert (here / "new").read_bytes() == content


@pytest.mark.parametrize("target", ["data", "into"])
def test_one_command_begins_goes_on_and_is_done(stage: Stage, here: Path, tmp_path: Path, target: str):
    """Whoever repeats `cp --resume` until it succeeds meets a file that is not there yet, and one that is whole."""
    hide(stage, tmp_path)
    content = os.urandom(300_000)
    (here / "data").write_bytes(content)
    (stage.host.home / "into").mkdir()
    there = stage.host.home / target / ("data" if target == "into" else "")
    for begun in (None, content[:100_000], content):
        if begun is not None:
            there.write_bytes(begun)
        assert "by sftp" in copy(stage, "--resume", here / "data", f"train:{target}")
        assert there.read_bytes() == content


def test_a_copy_that_begins_anew_is_not_said_to_go_on(stage: Stage, here: Path, tmp_path: Path):
    hide(stage, tmp_path)
    (tmp_path / "bin" / "scp").unlink()
    (tmp_path / "bin" / "scp").write_text("#!/bin/sh\nkill -INT $PPID; exit 1\n")
    (tmp_path / "bin" / "scp").chmod(0o755)
    (here / "data").write_text("x")
    found = stage("cp", str(here / "data"), "train:data", PATH=stage.path)
    assert found.code == 130 and "with --resume it goes on" in found.err


def test_without_resume_what_is_there_is_replaced(stage: Stage, here: Path, tmp_path: Path):
    hide(stage, tmp_path)
    (here / "data").write_text("new content")
    (stage.host.home / "data").write_text("old")
    copy(stage, here / "data", "train:data")
    assert (stage.host.home / "data").read_text() == "new content"


# ---- refusals


def test_one_side_is_there(stage: Stage, here: Path):
    for words in (("a", "b"), ("train:a", "train:b")):
        found = stage("cp", *words)
        assert found.code == 2 and "NAME:PATH" in found.err


def test_what_is_not_there_is_told(stage: Stage, here: Path):
    for words in ((str(here / "none"), "train:x"), ("train:none", str(here))):
        found = stage("cp", *words)
        assert found.code == 3 and "there is no" in found.err


def test_a_failure_is_told_with_its_reason(carried: Stage, here: Path):
    (here / "data").write_text("x")
    path = {"PATH": carried.path} if carried.path else {}
    found = carried("cp", str(here / "data"), "train:/proc/nonexistent/x", **path)
    assert found.code == 1 and "the copy failed: " in found.err


@needs_rsync
def test_words_of_the_host_reach_the_terminal_clean(stage: Stage, here: Path):
    (here / "data").write_text("x")
    (stage.host.home / "bin" / "rsync").write_text("#!/bin/sh\nprintf 'bad \\033[2Jnews\\n' >&2\nexit 9\n")
    (stage.host.home / "bin" / "rsync").chmod(0o755)
    found = stage("cp", str(here / "data"), "train:data")
    assert found.code == 1 and "bad" in found.err and "\x1b" not in found.err


@needs_rsync
def test_a_person_sees_a_bar(stage: Stage, here: Path):
    (here / "data").write_bytes(os.urandom(2_000_000))
    master, slave = pty.openpty()
    process = subprocess.Popen(
        stage.argv("cp", str(here / "data"), "train:data"), stderr=slave, stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    timer = limit(process)
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 65536):
            shown += piece
    except OSError:
        pass  # Linux says so when the last writer has left
    finally:
        os.close(master)
    assert process.wait(60) == 0
    timer.cancel()
    assert re.search(rb"copying.*%", shown, re.DOTALL)
