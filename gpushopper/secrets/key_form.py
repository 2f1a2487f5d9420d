"""Check the form of a provider's API key: length and characters (I21)."""

from __future__ import annotations

from gpushopper.errors import Misconfigured

LONGEST_KEY = 512


def check_form(text: str) -> str:
    """The key without surrounding white space.

    Raises:
        Misconfigured: it is empty, too long, or has characters that no header can carry.
    """
    text = text.strip()
    if not text:
        raise Misconfigured("the key is empty", code="bad_key_form")
    if len(text) > LONGEST_KEY or not text.isascii() or not text.isprintable() or " " in text:
        raise Misconfigured("the key must be one line of printable characters without spaces", code="bad_key_form")
    return text
