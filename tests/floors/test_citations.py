"""Numbers that code cites (F1, I2, D3) are explained in docs/safety.md."""

from __future__ import annotations

import re

import pytest

from tests.floors.tree import ROOT, files, name_of, text_of

CITED = re.compile(r"(?<![\w/.-])[FID]\d{1,3}(?![\w-])")
# The linter's codes look alike.
LINTER = re.compile(r"#\s*(ruff:\s*)?noqa.*", re.IGNORECASE)
# A heading, a table row, or a paragraph that begins with the number in bold.
EXPLAINED = re.compile(r"^(?:#+ *|\| *|[-*] +)?(?:\*\*)?([FID]\d{1,3})\b", re.MULTILINE)
GUIDE = ROOT / "docs" / "safety.md"


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


@pytest.mark.skipif(not GUIDE.exists(), reason="docs/safety.md is not in this tree")
def test_every_cited_number_is_explained():
    explained = set(EXPLAINED.findall(text_of(GUIDE)))
    assert {cited: where for cited, where in citations().items() if cited not in explained} == {}
