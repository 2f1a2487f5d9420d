"""A key as a value that never shows itself, and the form that a key must have (I21)."""

from __future__ import annotations

import hmac

from gpushopper.errors import Misconfigured

LONGEST_KEY = 512


class Secret:
    """A key that shows itself to `reveal` alone: it cannot slip into a log, an error or an answer (I21)."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself, for the header of a provider call and the mask of the log."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")


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
