"""Makes foreign output (container logs) safe to print: bounded lines, no terminal escape sequences (F111)."""

from __future__ import annotations

import re

MAX_LINE_LENGTH = 2000
MAX_LINES = 10_000

_CONTROL_SEQUENCE = re.compile(
    r"(\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, movements
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(\x07|\x1b\\|\x9c)?"  # titles, links, clipboards
    r"|\x1b[ -/]*[0-~]?"
)
# Control characters, and the marks that turn the direction of text; whole lines were split off before.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def readable_lines(text: str, max_lines: int = MAX_LINES) -> list[str]:
    """The last lines of a log, each cut at `MAX_LINE_LENGTH` characters.

    Of a line that was overwritten with carriage returns, as progress bars are, the last text counts.
    """
    lines = text.split("\n")
    if lines and not lines[-1].strip("\r"):
        lines.pop()
    return [_clean_line(line) for line in lines[-max_lines:]] if max_lines > 0 else []


def _clean_line(line: str) -> str:
    last = line.rstrip("\r").rpartition("\r")[2]
    shown = _CONTROL_SEQUENCE.sub("", last[: MAX_LINE_LENGTH * 4]).expandtabs(8)
    return _UNPRINTABLE.sub(" ", shown)[:MAX_LINE_LENGTH].rstrip()
