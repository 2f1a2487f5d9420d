"""Every document of the repository as tests read it: blocks, headings, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.floors.tree import ROOT, files, text_of

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *files("docs", suffix=".md"))
INDEX = ROOT / "docs/README.md"

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")


class Block(NamedTuple):
    """A fenced block: its language, and its text with the last line's end."""

    language: str
    text: str

    @property
    def first(self) -> str:
        return self.text.partition("\n")[0]


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    return [Block(*found) for found in FENCED.findall(text_of(page))]


def links_in(text: str) -> list[str]:
    """Targets of links; what looks like one in a block or in code is none."""
    return _LINK.findall(_CODE.sub("", FENCED.sub("", text)))


def anchors_in(text: str) -> set[str]:
    """What can stand behind `#` in a link to a page, as GitHub makes it of headings."""
    return {anchor(found) for found in _HEADING.findall(FENCED.sub("", text))}


def anchor(heading: str) -> str:
    """A heading as an anchor."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", ""))
    return kept.strip().replace(" ", "-")
