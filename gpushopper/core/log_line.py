"""A line of the daemon's log, which is JSON in its file, as a person reads it on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from gpushopper.core.log_text import readable_lines

_OWN = ("at", "level", "logger", "event", "text", "exception")
"""Fields with a place of their own; the logger is in the file alone."""


def readable(line: str, zone: tzinfo | None = None) -> list[str]:
    """The line as text: time, level, what, then the other fields, and a traceback below; safe to print (F111).

    The time is that of `zone`, None: of this computer. What is not a line of ours is shown as it is.
    """
    try:
        fields = json.loads(line)
        at = datetime.fromisoformat(fields["at"]).astimezone(zone)
        head = [f"{at:%Y-%m-%d %H:%M:%S}", f"{fields['level']:<7}", *_said(fields)]
        trace = str(fields.get("exception", "")).splitlines()
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return readable_lines(line)
    return readable_lines("\n".join([" ".join(head), *(f"    {each}" for each in trace)]))


def _said(fields: dict[str, Any]) -> Iterator[str]:
    text = fields.get("text")
    yield _one_line(fields["event"]) + ("" if text is None else f": {_one_line(text)}")
    for name, value in fields.items():
        if name not in _OWN:
            shown = value if isinstance(value, str) and value and " " not in value else json.dumps(value)
            yield f"{name}={_one_line(shown)}"


def _one_line(text: object) -> str:
    return " ".join(str(text).splitlines())
