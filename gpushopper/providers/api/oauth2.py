"""OAuth2 client credentials: a token that is fetched once, used by all threads, and replaced before it ends (I17, I21).

The token is kept in memory only. A thread that finds a usable one never waits for another that fetches the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gpushopper.providers.api.authentication import Post
from gpushopper.providers.api.replies import Failure, Reply
from gpushopper.providers.base import ErrorKind

_DEFAULT_LIFE_S = 300.0
_LONGEST_LIFE_S = 86_400.0
_EARLY_S, _EARLY_SHARE = 60.0, 0.2
"""A token is replaced so long before its end: a minute, or a fifth of its life where that is shorter."""
_PAUSE_S = 5.0
"""Least time between two tries to get a token, so that failures and refusals make no storm of calls."""
_LONGEST_TOKEN = 8192
_MOST_FORMER = 8
_REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    ends: float
    """Monotonic seconds, as the rest here."""
    renewed: float

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.text}"}


class ClientCredentials:
    """Implements `Authentication`. `path` is the token endpoint's, below the API's address."""

    def __init__(
        self,
        path: str,
        client_id: str,
        client_secret: str,
        monotonic: Callable[[], float],
        *,
        as_json: bool = False,
    ) -> None:
        self._path = path
        self._fields = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._as_json = as_json
        self._monotonic = monotonic
        self._fetching = threading.Lock()
        self._token: _Token | None = None
        self._secrets: tuple[str, ...] = (client_secret,)
        self._tried: float | None = None
        self._failure: Failure | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The client secret, and the tokens of late: replies may repeat a former one."""
        return self._secrets

    def __call__(self, post: Post, left_s: float) -> Mapping[str, str] | Failure:
        """The present token's header; fetches one where there is none, or where it ends soon."""
        token = self._token
        if token is not None and self._monotonic() < token.renewed:
            return token.headers
        usable = token if token is not None and self._monotonic() < token.ends else None
        if not self._fetching.acquire(timeout=0.0 if usable else max(left_s, 0.0)):
            return usable.headers if usable else Failure(ErrorKind.NETWORK, "no token in time", sent=False)
        try:
            found = self._fetched_meanwhile(token) or self._fetch(post)
        finally:
            self._fetching.release()
        return usable.headers if isinstance(found, Failure) and usable else _headers_of(found)

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Drop the refused token, unless it was fetched only now: a new one would be refused as well."""
        token = self._token
        if token is None or token.headers != refused:
            return token is not None
        if self._tried is not None and self._monotonic() - self._tried < _PAUSE_S:
            return False
        self._token = None
        return True

    def _fetched_meanwhile(self, known: _Token | None) -> _Token | None:
        """The token that another thread has fetched while this one waited."""
        return self._token if self._token is not known else None

    def _fetch(self, post: Post) -> _Token | Failure:
        """Ask for a token; the last failure for some seconds after one."""
        now = self._monotonic()
        if self._failure is not None and self._tried is not None and now - self._tried < _PAUSE_S:
            return self._failure
        self._tried = now
        found = self._read(post(self._path, self._fields, self._as_json), now)
        self._failure = found if isinstance(found, Failure) else None
        if isinstance(found, _Token):
            self._token = found
            self._secrets = (self._secrets[0], found.text, *self._secrets[1:_MOST_FORMER])
        return found

    @staticmethod
    def _read(answer: Reply | Failure, now: float) -> _Token | Failure:
        """The token of a reply. Failures never quote it: only statuses are told."""
        if isinstance(answer, Failure):
            return Failure(answer.kind, f"no token: {answer.detail}", sent=False, timed_out=answer.timed_out)
        if answer.status == 429:
            return Failure(ErrorKind.THROTTLED, "no token: 429", answer.retry_after_s, sent=False)
        if answer.status in _REFUSED and isinstance(answer.body, dict) and "error" in answer.body:
            return Failure(ErrorKind.AUTH, f"no token: {answer.status}, the credential is refused", sent=False)
        body = answer.body if answer.status in (200, 201) and isinstance(answer.body, dict) else {}
        text, life = body.get("access_token"), body.get("expires_in")
        if not isinstance(text, str) or not _is_token(text):
            kind = ErrorKind.NETWORK if answer.status >= 500 or not answer.is_json else ErrorKind.SHAPE
            return Failure(kind, f"no token: {answer.status} without one", sent=False)
        life_s = _DEFAULT_LIFE_S
        if isinstance(life, int | float) and not isinstance(life, bool) and life > 0:
            life_s = min(float(life), _LONGEST_LIFE_S)
        return _Token(text, now + life_s, now + life_s - min(_EARLY_S, life_s * _EARLY_SHARE))


def _is_token(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TOKEN and text.isascii() and text.isprintable() and " " not in text


def _headers_of(found: _Token | Failure) -> Mapping[str, str] | Failure:
    return found if isinstance(found, Failure) else found.headers
