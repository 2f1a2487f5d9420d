"""The guides (docs/, README, CONTRIBUTING) as tests read them."""

from __future__ import annotations

import re

from tests.floors.tree import ROOT, text_of

GUIDES = tuple(
    ROOT / name
    for name in (
        "docs/architecture.md",
        "docs/glossary.md",
        "docs/safety.md",
        "CONTRIBUTING.md",
        "README.md",
        "docs/api.md",
        "docs/lab-server.md",
        "docs/conventions.md",
        "docs/schemas/README.md",
    )
)
ARCHITECTURE = GUIDES[0]
WALKS = ("A label", "A deadline", "A price")

QUOTED = re.compile(r"`([^`\n]+)`")
# `file.py` (`function`, `Class.method`)
PAIR = re.compile(r"`([\w./-]+\.(?:py|sh))`\s+\((`[\w.]+`(?:,\s+`[\w.]+`)*)\)")


def chapter(title: str) -> str:
    """The text under one heading of the architecture, up to the next heading."""
    found = re.search(rf"^#+ {re.escape(title)}.*?\n(.*?)(?=^#|\Z)", text_of(ARCHITECTURE), re.MULTILINE | re.DOTALL)
    assert found is not None, f"no chapter {title!r}"
    return found[1]


def functions_in(text: str) -> list[tuple[str, str]]:
    """The pairs of file and function that a text names."""
    return [(name, function) for name, quoted in PAIR.findall(text) for function in QUOTED.findall(quoted)]
