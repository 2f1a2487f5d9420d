"""Send HTTP requests to a provider's API: retry of reads, rate limit, time limit; errors are values (D17, I18)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import httpx

from gpushopper.core.cloud import Pace
from gpushopper.providers.api.rate_limiter import RateLimit, RateLimiter
from gpushopper.providers.api.replies import FetchedFile, Reply, UnusableReply, read_reply, read_text
from gpushopper.providers.api.text import REDACTED, redact, redact_line, rewrite
from gpushopper.providers.api.transport import TimeLimitedTransport
from gpushopper.providers.base import ErrorKind

_ROUNDING_S = 0.001
_SHARED_PATIENCE_S = 3.0
LARGEST_TEXT = 2 * 1024 * 1024
"""Bytes of one file that is fetched."""
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


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable reply. `sent` is False only if certainly no byte of the request left this computer."""

    kind: ErrorKind
    detail: str
    retry_after_s: float | None = None
    sent: bool = True
    timed_out: bool = False


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
    read; by default closing ends the pause.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        rate_limits: Mapping[str, RateLimit],
        monotonic: Callable[[], float],
        transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], object] | None = None,
        urgent: frozenset[str] = frozenset(),
        pace: Pace | None = None,
    ) -> None:
        self.rate_limiter = RateLimiter(rate_limits, monotonic, pace, urgent)
        self._base = endpoint.rstrip("/")
        self._key = key
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
        return redact_line(self._redact_known(str(text)), self._key)

    def add_redactions(self, texts: Iterable[str]) -> None:
        """Redact these secrets in every response from now on; they are only ever added."""
        with self._redactions_lock:
            # Longest first, so that one that contains another goes whole.
            self._redactions = tuple(sorted({*self._redactions, *texts}, key=len, reverse=True))

    def _redact_known(self, text: str) -> str:
        for secret in self._redactions:
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
        """Send once, without a retry.

        A call before its endpoint is available is not sent: the reconciler asks `available_at` first (S6), so being
        early is its mistake or follows another process's 429. With `wait`, for the follow-up requests of one read, it
        pauses instead.
        """
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
        answer = self._exchange(call, left, limit)
        return self._note_rate_limit(call, answer)

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
                return FetchedFile(response.status_code, redact(self._redact_known(text), self._key))
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

    def _exchange(self, call: Call, left: float, limit: TimeLimit) -> Reply | Failure:
        transport = self._urgent_transport if call.bucket in self._urgent_buckets else self._transport
        try:
            response = transport.handle_request(self._request(call, left))
            try:
                reply = read_reply(response, self._key, limit.left)
                # In values only: a password is shorter than a key, and must not change a field's name or a number.
                return replace(reply, body=rewrite(reply.body, self._redact_known)) if self._redactions else reply
            finally:
                response.close()
        except UnusableReply as error:
            return Failure(ErrorKind.NETWORK, str(error), timed_out=error.timed_out)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> Failure:
        timed_out = isinstance(error, (httpx.TimeoutException, TimeoutError))
        detail = self.redact_line(f"{type(error).__name__}: {error}")
        return Failure(ErrorKind.NETWORK, detail, sent=not isinstance(error, _NOT_SENT), timed_out=timed_out)

    def _request(self, call: Call, left: float) -> httpx.Request:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "gpu-shopper",
        }
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in call.query.items())
        url = f"{self._base}{call.path}{'?' if query else ''}{query}"
        limits = {"total_limit": left, "timeout": dict.fromkeys(("connect", "read", "write", "pool"), left)}
        return httpx.Request(call.method, url, headers=headers, json=call.body, extensions=limits)


def _is_retried(answer: Reply | Failure) -> bool:
    if isinstance(answer, Reply):
        return answer.status in _RETRIED
    return answer.kind is ErrorKind.NETWORK and not answer.timed_out
