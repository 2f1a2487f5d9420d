"""Text for a terminal: foreign text without control characters and the like; long lines broken between words."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Control characters, zero-width characters and marks that change the direction of text (F111).
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_COMMAND = re.compile(r"(?<![\w./-])gpu-shopper(?: [^\s;,()]+)+")


MARKED = {"error:": "red", "alarm": "yellow", "alarms:": "yellow"}
"""Words before a line on stderr, and the terminal's colour of each; the word says the same without."""
_CODES = {"red": 31, "yellow": 33}


def in_color(line: str, words: str) -> str:
    """The line, with the words that it begins with in the colour of the first or the last of them."""
    found = [MARKED[word] for word in words.split() if word in MARKED]
    return f"\x1b[{_CODES[found[0]]}m{words}\x1b[0m{line.removeprefix(words)}"


def clean(text: object) -> str:
    """The text on one line, each run of control characters replaced by a space (F111)."""
    return _UNPRINTABLE.sub(" ", str(text)).encode("utf-8", "replace").decode()


def wrapped(line: str, width: int) -> list[str]:
    """The sentence in lines of at most so many characters, broken between words; those after the first are indented.

    A word that is longer, such as an address to copy, stays whole; so does a command: half of one does something else.
    """
    if len(line) <= width:
        return [line]
    import textwrap

    joined = _COMMAND.sub(lambda found: found[0].replace(" ", "\0"), line)
    indent = f"{line[: len(line) - len(line.lstrip())]}  "
    lines = textwrap.wrap(
        joined, max(width, 20), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip
    return [each.replace("\0", " ") for each in lines] or [line]


def in_our_form(message: str) -> str:
    """A message of the parser as ours are written: it begins with a small letter and has no full stop."""
    text = message.rstrip(".")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def either(words: Sequence[str]) -> str:
    """`ls, list or set`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
