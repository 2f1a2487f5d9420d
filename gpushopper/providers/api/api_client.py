"""Send HTTP requests to a provider's API: retry of reads, rate limit, time limit; errors are values (D17, I18)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

import httpx

from gpushopper.core.cloud import KEY_PATTERN, Pace
from gpushopper.providers.api.authentication import Authentication
from gpushopper.providers.api.rate_limiter import RateLimit, RateLimiter
from gpushopper.providers.api.replies import Failure, FetchedFile, Reply, UnusableReply, read_reply, read_text
from gpushopper.providers.api.text import REDACTED, redact, redact_line, rewrite
from gpushopper.providers.api.transport import TimeLimitedTransport
from gpushopper.providers.base import Endpoint, ErrorKind

_ROUNDING_S = 0.001
_SHARED_PATIENCE_S = 3.0
LARGEST_TEXT = 2 * 1024 * 1024
"""Bytes of one file that is fetched."""
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "gpu-shopper"}
_RETRIED = frozenset({429, 502, 503, 504})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""What a transport raises before the first byte of a request has left."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `bucket` names its rate limit; `path` is already quoted, its ids already checked (F83)."""

    bucket: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


class TimeLimit:
    """The time limit of one adapter call, all its requests and pauses included (I18)."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self) -> float:
        return self._end - self._monotonic()


class ApiClient:
    """One account's HTTP: total limits, size limit, rate limits, redaction. Safe to share between threads.

    `urgent` names the buckets that have a connection pool of their own, so that hung reads cannot hold up destroys
    (F38), and a kept share of the account's calls, which `pace` limits (I17). `wait` pauses between the requests of one
    read; by default closing ends the pause. `key_pattern` is the cloud's: what is redacted without being known.
    """

    def __init__(
        self,
        endpoint: str,
        authentication: Authentication,
        rate_limits: Mapping[str, RateLimit],
        monotonic: Callable[[], float],
        transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], object] | None = None,
        urgent: frozenset[str] = frozenset(),
        pace: Pace | None = None,
        key_pattern: str = KEY_PATTERN,
    ) -> None:
        self.rate_limiter = RateLimiter(rate_limits, monotonic, pace, urgent)
        self._base = endpoint.rstrip("/")
        self._authentication = authentication
        self._keys = re.compile(key_pattern)
        self._monotonic = monotonic
        self._redactions: tuple[str, ...] = ()
        self._redactions_lock = threading.Lock()
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._urgent_buckets = urgent
        url = httpx.URL(self._base)
        self._transport = transport or TimeLimitedTransport(monotonic, url)
        self._urgent_transport = transport or TimeLimitedTransport(monotonic, url)

    @property
    def base(self) -> str:
        """The endpoint's address."""
        return self._base

    def limit(self, seconds: float) -> TimeLimit:
        """Start the time limit of a call."""
        return TimeLimit(seconds, self._monotonic)

    def redact_line(self, text: object) -> str:
        """Foreign text fit for details and logs: without secrets, control characters and length (F103, F111)."""
        return redact_line(self._redact_known(str(text)), keys=self._keys)

    def add_redactions(self, texts: Iterable[str]) -> None:
        """Redact these secrets in every response from now on; they are only ever added."""
        with self._redactions_lock:
            # Longest first, so that one that contains another goes whole.
            self._redactions = tuple(sorted({*self._redactions, *texts}, key=len, reverse=True))

    def _redact_known(self, text: str) -> str:
        # Longest first, as above: a token may contain another secret.
        for secret in (*sorted(self._authentication.secrets, key=len, reverse=True), *self._redactions):
            text = text.replace(secret, REDACTED)
        return text

    def close(self) -> None:
        self._closed.set()
        self._transport.close()
        self._urgent_transport.close()

    def read(self, call: Call, limit: TimeLimit, *, wait: bool = False) -> Reply | Failure:
        """Send a request that changes nothing; retry it once, within the time limit, after a quick failure.

        Timeouts are not retried: they have used up the time.
        """
        answer = self.send(call, limit, wait=wait)
        if not _is_retried(answer):
            return answer
        again = self.send(call, limit, wait=True)
        return again if isinstance(again, Reply) or again.sent else answer

    def send(self, call: Call, limit: TimeLimit, *, wait: bool = False) -> Reply | Failure:
        """Send once, without a retry but for a token that was refused.

        A call before its endpoint is available is not sent: the reconciler asks `available_at` first (S6), so being
        early is its mistake or follows another process's 429. With `wait`, for the follow-up requests of one read, it
        pauses instead.
        """
        return self._send(call, limit, wait=wait, is_first=True)

    def _send(self, call: Call, limit: TimeLimit, *, wait: bool, is_first: bool) -> Reply | Failure:
        if self._closed.is_set():
            return Failure(ErrorKind.NETWORK, "closed", sent=False)
        max_wait_s = limit.left() if wait else self._patience_s(limit)
        pause = self.rate_limiter.reserve(call.bucket, max_wait_s)
        if pause > max_wait_s:
            return Failure(ErrorKind.THROTTLED, "held back by our own rate limit", pause, sent=False)
        if pause > 0:
            self._wait(pause)
        left = limit.left()
        if left <= 0:
            return Failure(ErrorKind.NETWORK, "no time left to send", sent=False)
        headers = self._authentication(partial(self._post_for_token, call.bucket, limit), left)
        if isinstance(headers, Failure):
            return headers
        answer = self._note_rate_limit(call, self._exchange(call, headers, limit))
        return self._sent_again(call, limit, headers, answer) if is_first else answer

    def _sent_again(
        self, call: Call, limit: TimeLimit, headers: Mapping[str, str], first: Reply | Failure
    ) -> Reply | Failure:
        """The answer with a new token, once, where the first was 401; never of a create, which is sent once (I2)."""
        is_refused = isinstance(first, Reply) and first.status == 401
        if not is_refused or not self._authentication.renew(headers) or call.bucket == Endpoint.CREATE.value:
            return first
        again = self._send(call, limit, wait=True, is_first=False)
        return again if isinstance(again, Reply) or again.sent else first

    def _post_for_token(
        self, bucket: str, limit: TimeLimit, path: str, fields: Mapping[str, Any], as_json: bool
    ) -> Reply | Failure:
        """A request for a token, on the connections of the call that needs it."""
        left = limit.left()
        if left <= 0:
            return Failure(ErrorKind.NETWORK, "no time left to send", sent=False)
        form, body = (None, dict(fields)) if as_json else (dict(fields), None)
        url = f"{self._base}{path}"
        request = httpx.Request("POST", url, headers=_HEADERS, data=form, json=body, extensions=_limits(left))
        return self._transport_reply(bucket, request, limit, redactions=None)

    def _patience_s(self, limit: TimeLimit) -> float:
        """How early a call may be. Where calls of several endpoints share the account's bucket, two that were started
        at once may find room for one: the other waits a little rather than fail.
        """
        return min(_SHARED_PATIENCE_S, limit.left() / 2) if self.rate_limiter.limits_account else _ROUNDING_S

    def pause(self, seconds: float) -> None:
        """Wait between two requests of one read; ended by closing."""
        self._wait(seconds)

    def fetch(self, url: httpx.URL, limit: TimeLimit) -> FetchedFile | Failure:
        """Get a file from an address that the caller has checked: without our key, no redirect followed, no retry."""
        left = limit.left()
        if self._closed.is_set() or left <= 0:
            return Failure(ErrorKind.NETWORK, "no time left to send", sent=False)
        transport = self._transport_for(url)
        limits = {"total_limit": left, "timeout": dict.fromkeys(("connect", "read", "write", "pool"), left)}
        headers = {"Accept-Encoding": "gzip", "User-Agent": "gpu-shopper"}
        try:
            response = transport.handle_request(httpx.Request("GET", url, headers=headers, extensions=limits))
            try:
                text = read_text(response, limit.left, LARGEST_TEXT)
                return FetchedFile(response.status_code, redact(self._redact_known(text), self._keys))
            finally:
                response.close()
        except UnusableReply as error:
            return Failure(ErrorKind.NETWORK, str(error), timed_out=error.timed_out)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            return self._failed(error)
        finally:
            if transport is not self._transport:
                transport.close()

    def _transport_for(self, url: httpx.URL) -> httpx.BaseTransport:
        """Our own transport for the endpoint's host, a new one for any other."""
        own = httpx.URL(self._base)
        is_own = (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)
        given = not isinstance(self._transport, TimeLimitedTransport)
        return self._transport if is_own or given else TimeLimitedTransport(self._monotonic, url)

    def _note_rate_limit(self, call: Call, answer: Reply | Failure) -> Reply | Failure:
        if isinstance(answer, Failure):
            return answer
        if answer.status != 429:
            self.rate_limiter.accepted(call.bucket)
            return answer
        pause = self.rate_limiter.refused(call.bucket, answer.retry_after_s)
        return Reply(answer.status, answer.is_json, answer.body, answer.head, answer.date, pause)

    def _exchange(self, call: Call, headers: Mapping[str, str], limit: TimeLimit) -> Reply | Failure:
        left = limit.left()
        if left <= 0:  # a token may have taken all of it
            return Failure(ErrorKind.NETWORK, "no time left to send", sent=False)
        request = self._request(call, headers, left)
        return self._transport_reply(call.bucket, request, limit, redactions=self._authentication.secrets)

    def _transport_reply(
        self, bucket: str, request: httpx.Request, limit: TimeLimit, redactions: Iterable[str] | None
    ) -> Reply | Failure:
        """Send, read, redact. `redactions` are taken out of the whole text before it is decoded; None
        keeps all, for the token itself.
        """
        transport = self._urgent_transport if bucket in self._urgent_buckets else self._transport
        try:
            response = transport.handle_request(request)
            try:
                reply = read_reply(response, redactions or (), limit.left)
                # In values only: a password is shorter than a key, and must not change a field's name or a number.
                is_changed = bool(self._redactions) and redactions is not None
                return replace(reply, body=rewrite(reply.body, self._redact_known)) if is_changed else reply
            finally:
                response.close()
        except UnusableReply as error:
            return Failure(ErrorKind.NETWORK, str(error), timed_out=error.timed_out)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> Failure:
        timed_out = isinstance(error, (httpx.TimeoutException, TimeoutError))
        detail = self.redact_line(str(error) or type(error).__name__)
        return Failure(ErrorKind.NETWORK, detail, sent=not isinstance(error, _NOT_SENT), timed_out=timed_out)

    def _request(self, call: Call, headers: Mapping[str, str], left: float) -> httpx.Request:
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in call.query.items())
        url = f"{self._base}{call.path}{'?' if query else ''}{query}"
        given = {**headers, **_HEADERS}
        return httpx.Request(call.method, _parsed(url), headers=given, json=call.body, extensions=_limits(left))


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    """An address, parsed once: each poll asks for the same one, and parsing takes longer than all else of a request."""
    return httpx.URL(url)


def _limits(left: float) -> dict[str, Any]:
    return {"total_limit": left, "timeout": dict.fromkeys(("connect", "read", "write", "pool"), left)}


def _is_retried(answer: Reply | Failure) -> bool:
    if isinstance(answer, Reply):
        return answer.status in _RETRIED
    return answer.kind is ErrorKind.NETWORK and not answer.timed_out
