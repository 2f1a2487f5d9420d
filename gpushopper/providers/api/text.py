"""Redaction: secrets and control characters are taken out of text that came from a provider (F103, F111)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from gpushopper.core.cloud import KEY_PATTERN

REDACTED = "[secret]"
_MARK = "\ufffd"
_KEY = re.compile(KEY_PATTERN)
_SPACE = re.compile(r"\s+")


def plain(text: str, most: int = 300) -> str:
    """Replace control, format and surrogate characters by a mark, and cut at `most` characters.

    Replaced, not removed: removing would turn a foreign label with a hidden character into one of ours (I3).
    """
    short = text[:most]
    if short.isascii() and short.isprintable():
        return short
    return "".join(_MARK if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" else c for c in short)


def redact(text: str, keys: re.Pattern[str] = _KEY) -> str:
    """The text, which may have many lines, without what looks like a key; `keys` is the cloud's `key_pattern`."""
    return keys.sub(REDACTED, text)


def redact_line(text: str, most: int = 300, keys: re.Pattern[str] = _KEY) -> str:
    """Return one line for people: keys out, white space collapsed, control characters marked, cut."""
    return plain(_SPACE.sub(" ", redact(text, keys)).strip(), most)


def rewrite(body: Any, change: Callable[[str], str]) -> Any:
    """Decoded JSON with every text in it changed, in place; names stay, and no depth is too deep."""
    top = [body]
    waiting: list[Any] = [top]
    while waiting:
        value = waiting.pop()
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if isinstance(item, str):
                value[key] = change(item)
            elif isinstance(item, dict | list):
                waiting.append(item)
    return top[0]
