"""Which colour says what: the table in docs/screens/README.md, made of what the program colours."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from gpushopper.cli.output.progress_display import MARKS
from gpushopper.cli.output.tables import STYLES
from gpushopper.cli.terminal_text import MARKED

CODES = {1: "bold", 2: "dim", 31: "red", 32: "green", 33: "yellow", 36: "cyan"}
"""What is used of a terminal's own colours, which its theme makes readable on dark and on light."""
OTHERS = {
    "bold": ["headings", "the chosen session in `top`"],
    "dim": ["time and cost beside the current step", "keys of `top`"],
    "cyan": ["the spinner of the current step"],
}
BEGIN, END = "<!-- colours: written by make screens -->\n", "<!-- end of colours -->"
_COLORED = re.compile(r"\x1b\[([\d;]*)m([^\x1b]+)")


def words_by_color() -> Mapping[str, list[str]]:
    """Each colour, and the words that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for word, color in (*MARKED.items(), *STYLES.items(), *MARKS.items()):
        found[color].append(word)
    return found


def table() -> str:
    """As it stands in the guide."""
    words = words_by_color()
    lines = ["| colour | words, and what else |", "|---|---|"]
    for color in CODES.values():
        named = [f"`{word}`" for word in words.get(color, [])]
        lines.append(f"| {color} | {', '.join([*named, *OTHERS.get(color, [])])} |")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """The guide with the table of now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def colored(text: str) -> Iterator[tuple[str, str]]:
    """Each colour and what is shown in it; nothing of headings, which are bold."""
    for codes, shown in _COLORED.findall(text):
        names = [CODES[int(code)] for code in codes.split(";") if code and int(code) in CODES]
        yield from ((name, shown) for name in names if name != "bold")
