"""Outputs of runs as an instance sends them: bounded, whole or cut, and never trusted (ends.md E8, I18)."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from gpushopper.kept_runs import HALF, OUT, Output, read_output
from gpushopper.paths import Home
from gpushopper.remote.run_outputs.fetched_outputs import MOST_RUNS, SIZE_LIMIT, fetch_command, read_fetched
from gpushopper.remote.run_outputs.keeping import keep_outputs

if TYPE_CHECKING:
    from gpushopper.remote.ssh_command import Connection

MARK = "gs-mark"
ROW = b"R a1\t0\t1000\t900\t950\t1\tpython train.py\n"
BEGIN = b"greeting\n\ngs-mark begin\n"
GOOD = BEGIN + ROW + b"F out 5 5 0\nhello" + b"F err 0 0 0\n" + b"E\n"


def test_a_run_comes_with_its_times_and_outputs() -> None:
    (found,) = read_fetched(GOOD, MARK, 10**9)
    assert (found.run.run, found.run.status, found.run.command, found.run.ends) == ("a1", "0", "python train.py", True)
    assert (found.run.started_at, found.run.ended_at) == (900 * 10**6, 950 * 10**6)
    assert found.out == Output(5, b"hello") and found.out.has_come and found.err.has_come


@pytest.mark.parametrize("cut", range(len(BEGIN), len(GOOD), 7))
def test_an_answer_that_was_cut_gives_what_has_come(cut: int) -> None:
    for found in read_fetched(GOOD[:cut], MARK, 10**9):
        assert found.out.text[:5] in b"hello" or found.out.left_out
        assert (found.out.has_come and found.err.has_come) is (cut >= GOOD.index(b"E\n") - 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"gs-mark begin\n", BEGIN + b"R ../x\t0\t1\t1\t1\t0\tx\n", BEGIN + ROW + b"F out -1 5 0\nhello",
        BEGIN + ROW + b"F out 5 99999999999 0\n", BEGIN + ROW + f"F out 5 {2 * HALF + 1} 0\n".encode(),
        BEGIN + ROW + b"F err 5 5 0\nhello", BEGIN + ROW + b"F out 99999999999999999999 5 0\n",
        BEGIN + b"R a\t0\t1\t1\t1\t0\t" + b"x" * 5000 + b"\n", BEGIN + b"R a1\t0\t1\n",
        BEGIN.replace(b"gs-mark", b"another") + ROW,
    ],
)  # fmt: skip
def test_anything_else_is_no_run(answer: bytes) -> None:
    assert read_fetched(answer, MARK, 10**9) == []


def test_a_host_that_sends_more_runs_than_were_asked_for_is_not_believed() -> None:
    """Each is a folder on this computer: some 400,000 of them fit into one answer."""
    many = b"".join(GOOD.removeprefix(BEGIN).removesuffix(b"E\n").replace(b"a1", b"r%d" % n) for n in range(500))
    assert len(read_fetched(BEGIN + many, MARK, 10**9)) == MOST_RUNS


@dataclass
class Host:
    """An instance whose login gives this answer, whatever it is asked."""

    rest: bytes
    folder: Path

    def argv(self, command: str) -> list[str]:
        (marker,) = set(re.findall(r"gs-[0-9a-f]{24}", command))
        (self.folder / "answer").write_bytes(f"\n{marker} begin\n".encode() + self.rest)
        return ["cat", str(self.folder / "answer")]


def test_what_is_kept_whole_is_not_replaced_by_what_the_host_sends_later(tmp_path: Path) -> None:
    home, host = Home(tmp_path / "home", tmp_path / "home"), Host(GOOD.removeprefix(BEGIN), tmp_path)
    (tmp_path / "home").mkdir()
    assert keep_outputs(home, cast("Connection", host), "s", 10**9, 30).complete == {"a1"}
    host.rest = host.rest.replace(b"hello", b"other")
    assert keep_outputs(home, cast("Connection", host), "s", 10**9, 30).complete == {"a1"}
    assert read_output(home, "s", "a1", OUT) == b"hello"


def test_a_status_that_is_none_counts_as_lost_and_a_command_has_no_tabs() -> None:
    (found,) = read_fetched(GOOD.replace(b"\t0\t", b"\tevil\t", 1), MARK, 10**9)
    assert found.run.status == "lost"


def test_the_command_sends_head_and_tail_of_a_long_output_and_leaves_out_what_is_known(tmp_path: Path) -> None:
    size = 2 * HALF + 1000
    for run in ("old", "new"):
        folder = tmp_path / ".gpu-shopper" / "runs" / run
        folder.mkdir(parents=True)
        (folder / "command").write_text("seq 1\t2\n")
        (folder / "status").write_text("7      \n")
        (folder / "err").write_bytes(b"err\x00\xff")
        with (folder / "out").open("wb") as file:
            file.write(b"begin")
            file.truncate(size - 3)
            file.seek(size - 3)
            file.write(b"end")
    environ = {"PATH": os.defpath, "HOME": str(tmp_path)}
    command = shlex.split(fetch_command(MARK, ["old"]).removeprefix("exec "))
    done = subprocess.run(command, env=environ, capture_output=True, check=True, timeout=60)
    (found,) = read_fetched(done.stdout, MARK, 0)
    assert (found.run.run, found.run.status, found.run.command) == ("new", "7", "seq 1 2")
    assert found.out.size == size and found.out.left_out == 1000 and found.out.has_come
    assert found.out.head.startswith(b"begin") and found.out.tail.endswith(b"end") and len(done.stdout) < SIZE_LIMIT
    assert found.err == Output(5, b"err\x00\xff")
