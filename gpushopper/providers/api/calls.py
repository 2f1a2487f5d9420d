"""Requests and replies as values: one method sends, nothing the network does can raise (D17, I18)."""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import quote

import httpx

from gpushopper.providers.api.pace import Gap, Pace
from gpushopper.providers.api.text import REDACTED, clean
from gpushopper.providers.api.wire import LimitedTransport
from gpushopper.providers.base import Trouble

LARGEST = 10 * 1024 * 1024
"""Bytes of one body, packed or unpacked (F77); the largest true one, a page of offers, has 0.3 MB."""
_HEAD = 2000
_ROUNDING_S = 0.001
_REPEATED = frozenset({429, 502, 503, 504})
_TOO_LATE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""What a transport raises before the first byte of a request has left."""
_PLAUSIBLE = range(1_577_836_800, 7_258_118_400)
"""Seconds from 2020 to 2200: a Date outside shows a broken clock, not the time."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `pace` names its bucket; `path` is already quoted, its ids already checked (F83)."""

    pace: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that came in whole. `body` is decoded JSON where `is_json`; `date` is its Date header, wall µs.

    `head` is the start of the text, for bodies that are not JSON. `retry_after_s` is set for 429 only, our own
    back-off included. Neither may be stored or shown raw.
    """

    status: int
    is_json: bool
    body: Any = field(repr=False)
    head: str = field(repr=False)
    date: int | None
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable reply. `sent` is False only if certainly no byte of the request left this computer."""

    kind: Trouble
    detail: str
    retry_after_s: float | None = None
    sent: bool = True
    timed_out: bool = False


class Limit:
    """The end of one adapter call, all its requests and pauses included (I18)."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self) -> float:
        return self._end - self._monotonic()


class Api:
    """One account's HTTP: total limits, size cap, pacing, redaction. Safe to share between threads.

    `urgent` names the buckets that have a connection pool of their own, so that hung reads cannot hold up
    destroys (F38). `wait` pauses between the requests of one read; by default closing ends the pause.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        gaps: Mapping[str, Gap],
        monotonic: Callable[[], float],
        transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], object] | None = None,
        urgent: frozenset[str] = frozenset(),
    ) -> None:
        self.pace = Pace(gaps, monotonic)
        self._base = endpoint.rstrip("/")
        self._key = key
        self._monotonic = monotonic
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._urgent = urgent
        url = httpx.URL(self._base)
        self._transport = transport or LimitedTransport(monotonic, url)
        self._spare = transport or LimitedTransport(monotonic, url)

    def limit(self, seconds: float) -> Limit:
        """Start a call's time."""
        return Limit(seconds, self._monotonic)

    def show(self, text: object) -> str:
        """Foreign text fit for details and logs: without the key, control characters and length (F103, F111)."""
        return clean(str(text), self._key)

    def close(self) -> None:
        self._closed.set()
        self._transport.close()
        self._spare.close()

    def read(self, call: Call, limit: Limit, *, wait: bool = False) -> Reply | Failure:
        """Send a request that changes nothing; repeat it once, within the limit, after a quick failure.

        Timeouts are not repeated: they have used up the time.
        """
        answer = self.send(call, limit, wait=wait)
        if not _deserves_repeat(answer):
            return answer
        again = self.send(call, limit, wait=True)
        return again if isinstance(again, Reply) or again.sent else answer

    def send(self, call: Call, limit: Limit, *, wait: bool = False) -> Reply | Failure:
        """Send once, never twice.

        A call before its endpoint is free is not sent: the lane asks `free_at` first (S6), so being early is its
        mistake or another process's 429. With `wait`, for the follow-up requests of one read, it pauses instead.
        """
        if self._closed.is_set():
            return Failure(Trouble.NETWORK, "closed", sent=False)
        patience = limit.left() if wait else _ROUNDING_S
        pause = self.pace.reserve(call.pace, patience)
        if pause > patience:
            return Failure(Trouble.THROTTLED, "held back by our own pacing", pause, sent=False)
        if pause > 0:
            self._wait(pause)
        left = limit.left()
        if left <= 0:
            return Failure(Trouble.NETWORK, "no time left to send", sent=False)
        answer = self._exchange(call, left, limit)
        return self._paced(call, answer)

    def _paced(self, call: Call, answer: Reply | Failure) -> Reply | Failure:
        if isinstance(answer, Failure):
            return answer
        if answer.status != 429:
            self.pace.accepted(call.pace)
            return answer
        pause = self.pace.refused(call.pace, answer.retry_after_s)
        return Reply(answer.status, answer.is_json, answer.body, answer.head, answer.date, pause)

    def _exchange(self, call: Call, left: float, limit: Limit) -> Reply | Failure:
        transport = self._spare if call.pace in self._urgent else self._transport
        try:
            response = transport.handle_request(self._request(call, left))
            try:
                raw = _collect(response, limit)
            finally:
                response.close()
            return self._reply(response, raw)
        except _Unusable as error:
            return Failure(Trouble.NETWORK, str(error), timed_out=error.timed_out)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> Failure:
        timed_out = isinstance(error, (httpx.TimeoutException, TimeoutError))
        detail = self.show(f"{type(error).__name__}: {error}")
        return Failure(Trouble.NETWORK, detail, sent=not isinstance(error, _TOO_LATE), timed_out=timed_out)

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

    def _reply(self, response: httpx.Response, raw: bytes) -> Reply:
        # Before anything is decoded, so that an echo of the key is in no value we hand out (F103).
        text = raw.replace(self._key.encode(), REDACTED.encode()) if self._key else raw
        is_json, body = _decoded(response.headers.get("content-type", ""), text)
        date = _date(response.headers.get("date"))
        wait = _retry_after(response.headers, date) if response.status_code == 429 else None
        return Reply(response.status_code, is_json, body, text[:_HEAD].decode(errors="replace"), date, wait)


class _Unusable(Exception):
    """A reply we stop reading or cannot read."""

    def __init__(self, text: str, *, timed_out: bool = False) -> None:
        super().__init__(text)
        self.timed_out = timed_out


def _deserves_repeat(answer: Reply | Failure) -> bool:
    if isinstance(answer, Reply):
        return answer.status in _REPEATED
    return answer.kind is Trouble.NETWORK and not answer.timed_out


def _collect(response: httpx.Response, limit: Limit) -> bytes:
    """Read a body, bounded in bytes, unpacked bytes and time; raises _Unusable."""
    parts, size = [], 0
    # The stream itself: httpx would unpack without a bound.
    for part in cast(httpx.SyncByteStream, response.stream):
        size += len(part)
        if size > LARGEST:
            raise _Unusable(f"the reply is larger than {LARGEST // 1024**2} MB")
        # A transport handed in may have no limit of its own.
        if limit.left() <= 0:
            raise _Unusable("the reply did not end within the time limit", timed_out=True)
        parts.append(part)
    raw = b"".join(parts)
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing in ("", "identity"):
        return raw
    if packing != "gzip":
        raise _Unusable("the reply is packed in a way we did not offer")
    return _unpacked(raw)


def _unpacked(raw: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(raw, LARGEST)
    except zlib.error as error:
        raise _Unusable("the reply cannot be unpacked") from error
    if not unpacker.eof:
        raise _Unusable("the reply is too large or cut off")
    return text


def _decoded(kind: str, text: bytes) -> tuple[bool, Any]:
    """Whether the reply is JSON by its type and by its text, and what it says (F78)."""
    if not re.match(r"application/([\w.-]+\+)?json\b", kind.strip().lower()):
        return False, None
    try:
        # NaN and Infinity are no JSON; as null they are at least no number.
        return True, json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return False, None


def _date(header: str | None) -> int | None:
    """The Date header as wall µs (D10)."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError):
        return None
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return seconds * 1_000_000 if seconds in _PLAUSIBLE else None


def _retry_after(headers: httpx.Headers, date: int | None) -> float | None:
    """Seconds to wait, from Retry-After (number or date) or X-RateLimit-Reset (Unix seconds, vastai.md 1)."""
    told = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", told):
        return float(told)
    until = _date(told)
    reset = headers.get("x-ratelimit-reset", "").strip()
    if until is None and re.fullmatch(r"[0-9]{9,11}", reset):
        until = int(reset) * 1_000_000
    # Both are the provider's clock; without its Date we do not know how far away that is.
    return max((until - date) / 1_000_000, 0.0) if until is not None and date is not None else None
