"""Sanitise foreign text for a terminal: no control characters, no escape sequences, no bidirectional marks."""

from __future__ import annotations

import re

# Control characters, zero-width characters and marks that change the direction of text (F111).
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def clean(text: object) -> str:
    """The text on one line, each run of control characters replaced by a space (F111)."""
    return _UNPRINTABLE.sub(" ", str(text)).encode("utf-8", "replace").decode()
