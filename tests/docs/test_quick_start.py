"""docs/quick-start.md, and README's tour, typed word for word: each line ends with 0 and says what is shown."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.docs.followed import Typist, differences, lines_of, shape
from tests.docs.pages import blocks_of
from tests.floors.tree import ROOT, name_of

TOURS = {ROOT / "README.md": 8, ROOT / "docs/quick-start.md": 9}
"""Pages with a tour of the sandbox, and how many commands it has."""


@pytest.mark.parametrize("page", TOURS, ids=name_of)
def test_a_tour_has_its_commands_in_order(page: Path):
    lines = lines_of(blocks_of(page))
    assert len(lines) == TOURS[page] and lines[0][0].startswith("gpu-shopper sandbox start --live")
    assert [line for line, _ in lines if not line.startswith(("gpu-shopper sandbox", "gpu-shopper --sandbox"))] == []


@pytest.mark.proofs
@pytest.mark.parametrize("page", TOURS, ids=name_of)
def test_a_tour_is_as_it_says(top: Path, page: Path):
    typed = Typist(top, is_in_sandbox=False)
    (top / "question.txt").write_text("what is the answer\n")
    try:
        for line, shown in lines_of(blocks_of(page)):
            done = typed.must(line)
            assert differences(shown, done) == [], f"{line}: {done.stdout}{done.stderr}"
    finally:
        typed("gpu-shopper sandbox stop")
    brought = {"README.md": top / "answer.txt", "quick-start.md": top / "results/first-out/result.txt"}[page.name]
    assert brought.read_text().strip() not in ("", "what is the answer")


@pytest.mark.parametrize(
    ("shown", "out", "wrong"),
    [
        (["a #"], "a 5\n", []), ([shape("at 1s ago (now)")], "at 7m ago (2s ago)\n", []),
        (["a #"], "a 7\nmore\n", ["more"]), (["a #"], "b\n", ["a #", "b"]), (["a", "...", "c"], "a\nb\n", []),
        (["...", "d"], "a\n", ["d"]),
    ],
)  # fmt: skip
def test_what_a_page_does_not_show_is_found(shown: list[str], out: str, wrong: list[str]):
    """`...` stands for what is left out of an answer."""
    assert differences(shown, CompletedProcess([], 0, stdout=out, stderr="c\n")) == wrong
