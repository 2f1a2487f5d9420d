"""README's tour, typed as it stands there: every line ends with 0 and says what README shows, numbers aside."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.cli.printed_commands import BLOCK
from tests.floors.tree import ROOT, text_of
from tests.sandbox_home import kill_groups

pytestmark = pytest.mark.proofs

LIMIT_S = 90
NUMBER = re.compile(r"(?<![\w.])[\w.:/-]*\d[\w.:/]*(-\w+)*")
PASSING = re.compile(r"request|start|ready")
"""What is shown on the way: how much of it, and how it is put, depends on how quick each step is."""


def shape(line: str) -> str:
    """A line without its numbers, ids, times and padding."""
    return " ".join(re.sub(r"\(?\b(now|# ago)\b\)?", "#", NUMBER.sub("#", line)).split())


def tour() -> list[tuple[str, list[str]]]:
    """Each command of README's tour, and the lines under it."""
    blocks = [block for language, block in BLOCK.findall(text_of(ROOT / "README.md")) if language == "console"]
    found: list[tuple[str, list[str]]] = []
    for line in "\n".join(blocks).splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif line.strip():
            found[-1][1].append(shape(line))
    return found


@pytest.fixture
def top() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(folder)
    if reason is None:
        yield folder
        kill_groups(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if reason is not None:
        pytest.skip(reason)


def test_the_tour_of_readme_is_as_it_says(top: Path):
    (top / "question.txt").write_text("what is the answer\n")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "GPU_SHOPPER_HOME": str(top / "home")}

    def typed(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line], cwd=top, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=LIMIT_S, check=False,
        )  # fmt: skip

    lines = tour()
    assert len(lines) == 8
    try:
        for line, shown in lines:
            ran = typed(line)
            assert ran.returncode == 0, f"{line}: {ran.stderr}"
            answer = [shape(each) for each in ran.stdout.splitlines() if each.strip()]
            said = [*answer, *(shape(each) for each in ran.stderr.splitlines())]
            assert [each for each in shown if each not in said and each != "..." and not PASSING.match(each)] == []
            assert "..." in shown or [each for each in answer if each not in shown] == [], line
    finally:
        typed("gpu-shopper sandbox stop")
    assert (top / "answer.txt").read_text() == "WHAT IS THE ANSWER\n"
