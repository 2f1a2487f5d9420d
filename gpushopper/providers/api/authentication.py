"""How a request proves whose it is: a bearer token, a header, user and password; OAuth2 is in `oauth2.py`.

An adapter chooses one and hands it to its `ApiClient`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gpushopper.providers.api.replies import Failure, Reply

Post = Callable[[str, Mapping[str, Any], bool], Reply | Failure]
"""Send a request for a token within the call's time limit: path, fields, and whether they go as JSON or as a form."""


class Authentication(Protocol):
    """Called before each request, by any thread."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be redacted from every reply, log and error, as of now (I21)."""
        ...

    def __call__(self, post: Post, left_s: float) -> Mapping[str, str] | Failure:
        """The headers of a request; a Failure with `sent=False` where they cannot be had: it is not made."""
        ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """A request with these headers was answered 401. Whether the next one has others."""
        ...


@dataclass(frozen=True, slots=True)
class FixedHeaders:
    """The same headers for every request."""

    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    def __call__(self, post: Post, left_s: float) -> Mapping[str, str]:
        return self.headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """There are no others."""
        return False


def bearer(token: str) -> FixedHeaders:
    """`Authorization: Bearer TOKEN`."""
    return FixedHeaders({"Authorization": f"Bearer {token}"}, (token,))


def header(name: str, key: str) -> FixedHeaders:
    """A header of its own, such as `X-API-Key`."""
    return FixedHeaders({name: key}, (key,))


def basic(user: str, password: str) -> FixedHeaders:
    """`Authorization: Basic ...`. The bare password is redacted with the credential's parts: it may be too short to be
    replaced in undecoded text.
    """
    packed = base64.b64encode(f"{user}:{password}".encode()).decode()
    return FixedHeaders({"Authorization": f"Basic {packed}"}, (packed,))
