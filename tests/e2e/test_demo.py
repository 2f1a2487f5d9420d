"""`gpu-shopper demo`: the whole story, told by real processes that leave nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sandbox_home import SandboxHome, kill_groups, processes_under

pytestmark = pytest.mark.proofs

LIMIT_S = 150
FIGURE = re.compile(r"\$\d+\.\d+")


@dataclass
class Told:
    """How one demo ended, and what it left."""

    code: int
    out: str
    err: str
    processes: list[int]
    files: list[Path]

    @property
    def figures(self) -> list[str]:
        return FIGURE.findall(self.out)


def begin(top: Path, *words: str) -> subprocess.Popen[str]:
    top.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "gpushopper.cli", "demo", *words], text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(top), "GPU_SHOPPER_HOME": str(top / "own")}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(top: Path, process: subprocess.Popen[str]) -> Told:
    out, err = process.communicate(timeout=LIMIT_S)
    return Told(process.returncode, out, err, processes_under(top), list(top.iterdir()))


def cheat(top: Path, wait_until: Callable[..., None]) -> None:
    """Have the sandbox bill twice the price and never say so: the receipt cannot match its ledger."""

    def homes() -> list[Path]:
        return [path.parents[2] for path in top.glob("*/sandbox/market/control.sock")]

    wait_until(homes, timeout_s=60)
    sandbox = SandboxHome(homes()[0])
    sandbox.fault("list", "no_field", "dph_total")
    sandbox.fault("account", "price_change", "2")


def test_the_demo_runs_leaves_nothing_and_reports_a_disagreement(home: Path, wait_until: Callable[..., None]):
    tops = [home.parent / name for name in ("first", "other", "cheated")]
    # On paper 45 minutes are billed: double the price of a live minute would hide in a tenth of a cent.
    told_as: list[list[str]] = [["--seed", "3"], ["--seed", "8"], ["--seed", "3", "--paper"]]
    begun: list[subprocess.Popen[str]] = []
    try:
        begun += [begin(top, *words) for top, words in zip(tops, told_as, strict=True)]
        cheat(tops[2], wait_until)
        first, other, cheated = map(finish, tops, begun)
    finally:
        kill_groups(home.parent)
        for process in begun:
            process.communicate()
    for told in (first, other):
        assert told.code == 0, told.out + told.err
        assert "They agree" in told.out
    assert first.figures and first.figures != other.figures
    assert cheated.code == 9, cheated.out + cheated.err
    assert "They disagree" in cheated.out
    for told in (first, other, cheated):
        assert (told.processes, told.files) == ([], []), "the demo left something behind"
