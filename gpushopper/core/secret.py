"""A secret as a value that never shows itself (I21)."""

from __future__ import annotations

import hmac


class Secret:
    """A secret that shows itself to `reveal` alone: it cannot slip into a log, an error or an answer (I21)."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for a provider call and the redactor of the log."""
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
