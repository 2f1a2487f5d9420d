"""Secrets as values that are never printed, logged or pickled: one text, and a credential of several parts (I21)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass


class Secret:
    """A secret whose text only `reveal` returns, so that it is in no log, error or response by accident (I21)."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for a provider call and for redaction."""
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


@dataclass(frozen=True, slots=True)
class Credential:
    """What a cloud asks for before it answers: its parts by name, such as `api_key`, or `id` and `token`.

    A secret part is a `Secret`, so that printing a credential shows only what is none.
    """

    parts: tuple[tuple[str, Secret | str], ...]

    @classmethod
    def of(cls, secret: Iterable[tuple[str, str]], shown: Iterable[tuple[str, str]] = ()) -> Credential:
        """A credential of these secret parts, and of these that may be shown."""
        return cls((*((name, Secret(text)) for name, text in secret), *shown))

    def reveal(self, name: str) -> str:
        """One part, for a provider call; empty where it is optional and was not given."""
        value = dict(self.parts).get(name, "")
        return value.reveal() if isinstance(value, Secret) else value

    def redactions(self) -> tuple[str, ...]:
        """The texts of all secret parts, for redaction."""
        return tuple(value.reveal() for _, value in self.parts if isinstance(value, Secret))
