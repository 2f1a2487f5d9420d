"""`cp` as it is typed, to a real ssh server and back; what goes where is shown in test_cp_matrix.py."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.copies import CARRIERS
from tests.cli.ssh_stage import Stage
from tests.ssh_hosts import has_namespaces, limit

pytestmark = pytest.mark.proofs
ODD = "a b'c\"d*é"


@pytest.fixture(params=CARRIERS)
def carried(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Stage]:
    """A server with each carrier in turn; without rsync here, so that only the wanted one is left."""
    if not has_namespaces():
        pytest.skip("no namespaces here: nothing of an instance runs outside them")
    stage = Stage(home).start(*(["--no-sftp"] if request.param == "tar" else []))
    stage.carrier = request.param
    if request.param != "rsync":
        shown = tmp_path / "bin"
        shown.mkdir()
        (shown / "ssh").symlink_to("/usr/bin/ssh")
        stage.path = str(shown)
    yield stage
    stage.close()


def copy(stage: Stage, *words: str | Path, cwd: Path | None = None, **variables: str) -> str:
    path = {"PATH": stage.path} if stage.path else {}
    found = stage("cp", *map(str, words), cwd=cwd, **path, **variables)
    assert found.code == 0, found.err
    assert found.out == ""
    return found.err


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_upload_and_download(carried: Stage, here: Path):
    content = os.urandom(200_000)
    (here / "data").mkdir()
    for name in ("f", ODD):
        (here / "data" / name).write_bytes(content)
    (here / "data" / "f").chmod(0o750)
    said = copy(carried, "-v", "-r", here / "data" / "f", f"./data/{ODD}", "train:", cwd=here)
    assert f"transferred by {carried.carrier}" in said and "copied 2 sources to train:" in said
    assert (carried.host.home / "f").read_bytes() == (carried.host.home / ODD).read_bytes() == content
    assert (carried.host.home / "f").stat().st_mode & 0o777 == 0o750
    copy(carried, "data", "train:~/into", cwd=here)
    copy(carried, "train:into/", "train:f", here / "back", "--mkdir")
    assert {path.name: path.read_bytes() for path in (here / "back").iterdir()} == {"f": content, ODD: content}


def test_json_output_names_the_transport(carried: Stage, here: Path):
    (here / "data").write_text("x")
    path = {"PATH": carried.path} if carried.path else {}
    found = carried("cp", str(here / "data"), "train:data", "--json", **path)
    assert (found.json["by"], found.json["files"], found.json["bytes"]) == (carried.carrier, 1, 1)
    assert found.json["sources"] == [str(here / "data")] and found.json["left_out"] == []


@pytest.mark.parametrize("language", ["C", "POSIX", "latin-1"])
def test_bytes_arrive_as_they_were_typed(stage: Stage, here: Path, language: str, tmp_path: Path):
    name, variables = b"\xff \xc3\xa9", {"LC_ALL": language}
    if language == "latin-1":
        variables = {"LC_ALL": latin_1(tmp_path), "LOCPATH": str(tmp_path)}
    words = [b"cp", b"./" + name, b"train:there-" + name]
    (Path(os.fsdecode(os.fsencode(here) + b"/" + name))).write_text("x")
    done = subprocess.run(
        [*stage.argv(), *words], cwd=here, env={**os.environ, **variables}, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"there-" + name in os.listdir(os.fsencode(stage.host.home))
    said = subprocess.run(
        [*stage.argv(), b"ssh", b"train", b"--", b"printf %s '\xc3\xa9'"], env={**os.environ, **variables},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.stdout == b"\xc3\xa9", said.stderr


def latin_1(folder: Path) -> str:
    """Build a locale whose encoding is latin-1."""
    made = subprocess.run(
        ["localedef", "-c", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US.ISO-8859-1")],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    if not (folder / "en_US.ISO-8859-1").is_dir():
        pytest.skip(f"no latin-1 locale can be made here: {made.stderr.decode()[:200]}")
    return "en_US.ISO-8859-1"


def test_standard_input_and_output(carried: Stage, here: Path):
    content = bytes(range(256)) * 1000
    words = [b"cp", b"-", b"train:from-input"]
    path = {"PATH": carried.path} if carried.path else {}
    environment = {**os.environ, **path}
    for data in (content, b"", content[::-1]):
        done = subprocess.run(
            [*carried.argv(), *words], input=data, env=environment, capture_output=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (0, b""), done.stderr
        assert (carried.host.home / "from-input").read_bytes() == data
        back = subprocess.run(
            carried.argv("cp", "train:from-input", "-"), env=environment, capture_output=True, timeout=60, check=False
        )
        assert (back.returncode, back.stdout, back.stderr) == (0, data, b"")
    assert [name for name in os.listdir(carried.host.home) if "part" in name] == []
    for words in ((b"-", b"train:"), (b"train:.", b"-"), (b"-", b"train:new/")):
        refused = subprocess.run(
            [*carried.argv("cp"), *words], input=b"", env=environment, capture_output=True, timeout=60, check=False
        )
        assert refused.returncode == 2, refused.stderr


# ---- refusals


def test_one_side_is_there(stage: Stage, here: Path):
    for words in (("a", "b"), ("train:a", "train:b"), ("a", "train:b", "train:c"), ("a",), ("a", "train:b", "c")):
        found = stage("cp", *words)
        assert found.code == 2 and re.search(r"NAME:PATH|one side|are needed", found.err), found.err


def test_missing_paths_are_reported(stage: Stage, here: Path):
    (here / "data").write_text("x")
    for words in ((str(here / "none"), "train:x"), ("train:none", str(here))):
        found = stage("cp", *words)
        assert found.code == 3 and "there is no" in found.err
    found = stage("cp", str(here / "data"), "train:a/b/c")
    assert found.code == 3 and "no such folder there: a/b; add --mkdir" in found.err
    copy(stage, here / "data", "train:a/b/c", "--mkdir")
    assert (stage.host.home / "a" / "b" / "c").read_text() == "x"


def test_a_failed_copy_reports_its_reason(carried: Stage, here: Path):
    (here / "data").write_text("x")
    path = {"PATH": carried.path} if carried.path else {}
    found = carried("cp", str(here / "data"), "train:/proc/data", **path)
    assert found.code == 1 and "the copy failed: " in found.err and "Traceback" not in found.err


def test_text_from_the_host_is_sanitised_for_the_terminal(stage: Stage, here: Path):
    (here / "data").write_text("x")
    (stage.host.home / "bin" / "rsync").write_text("#!/bin/sh\nprintf 'bad \\033[2Jnews\\n' >&2\nexit 9\n")
    (stage.host.home / "bin" / "rsync").chmod(0o755)
    found = stage("cp", str(here / "data"), "train:data")
    assert found.code == 1 and "bad" in found.err and "\x1b" not in found.err


def test_a_terminal_gets_a_progress_bar(carried: Stage, here: Path):
    (here / "data").write_bytes(os.urandom(3_000_000))
    path = {"PATH": carried.path} if carried.path else {}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        carried.argv("cp", str(here / "data"), "train:data"), stderr=slave, stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", **path}, stdin=subprocess.DEVNULL,
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
    assert re.search(rb"copying.*%.*3\.0 MB", shown, re.DOTALL), shown
