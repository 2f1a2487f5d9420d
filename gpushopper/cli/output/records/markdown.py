"""Text as Markdown: tables, and words that must not become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gpushopper.cli.terminal_text import clean

_AMOUNT = re.compile(r"-?\$\d")
_MARKUP = re.compile(r"([\\`*_|<>\[\]])")


def plain(text: object) -> str:
    """Any text as it is, on one line: what a host or a command says must not become markup or a link."""
    return _MARKUP.sub(r"\\\1", clean(text).replace("\n", " "))


def code(text: object) -> str:
    """A command, a name or a path in monospace, between as many backticks as it needs."""
    shown = clean(text).replace("\n", " ").replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{shown}{space}{fence}"


def facts(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """A table of labelled lines; empty values are left out."""
    return ["| | |", "|---|---|", *(f"| {label} | {value} |" for label, value in pairs if value)]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; columns of amounts are flush right."""
    cells = list(rows)
    lines = [
        "---:" if cells and all(_AMOUNT.match(row[place]) for row in cells) else "---" for place in range(len(titles))
    ]
    return [f"| {' | '.join(titles)} |", f"|{'|'.join(lines)}|", *(f"| {' | '.join(row)} |" for row in cells)]
