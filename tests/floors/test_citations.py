"""Numbers that code cites (F1, I2, D3, S4) are explained in docs/safety.md and docs/architecture.md."""

from __future__ import annotations

import re

import pytest

from tests.floors.tree import ROOT, files, name_of, text_of

CITED = re.compile(r"(?<![\w/.-])[FIDCS]\d{1,3}(?![\w-])")
# The linter's codes look alike.
LINTER = re.compile(r"#\s*(ruff:\s*)?noqa.*", re.IGNORECASE)
# A heading, a table row, or a paragraph that begins with the number in bold.
EXPLAINED = re.compile(r"^(?:#+ *|\| *|[-*] +)?(?:\*\*)?([FIDCS]\d{1,3})\b", re.MULTILINE)
GUIDES = (ROOT / "docs" / "safety.md", ROOT / "docs" / "architecture.md")


def citations() -> dict[str, str]:
    """Map each cited number to the first place that cites it."""
    found: dict[str, str] = {}
    for path in files("gpushopper", "agent", "tests", suffix=".py") + files("agent", suffix=".sh"):
        if path.is_relative_to(ROOT / "tests" / "floors"):
            continue
        for number, line in enumerate(text_of(path).splitlines(), 1):
            for cited in CITED.findall(LINTER.sub("", line)):
                found.setdefault(cited, f"{name_of(path)}:{number}")
    return found


@pytest.mark.skipif(not GUIDES[0].exists(), reason="the docs are not in this tree")
def test_every_cited_number_is_explained():
    explained = {number for guide in GUIDES for number in EXPLAINED.findall(text_of(guide))}
    assert {cited: where for cited, where in citations().items() if cited not in explained} == {}
