"""Missing programs are reported by tests/needs.py alone: only its reasons name the package to install."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
BY_HAND = re.compile(r"skip(if)?\(.*(which\(|is not installed|there is no \w+ here|not SFTP)|if shutil\.which\(")


def test_no_test_leaves_itself_out_where_a_program_is_missing():
    found = [
        f"{path.relative_to(TESTS)}: {line.strip()}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for line in path.read_text().splitlines()
        if BY_HAND.search(line) and path != Path(__file__)
    ]
    assert found == []
