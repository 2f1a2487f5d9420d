"""Text from elsewhere, made harmless for a terminal."""

from __future__ import annotations

import re

# Control characters, and the marks that turn the direction of text (F111).
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def clean(text: object) -> str:
    """Text from elsewhere, on one line and without anything a terminal would obey (F111)."""
    return _UNPRINTABLE.sub(" ", str(text)).encode("utf-8", "replace").decode()
