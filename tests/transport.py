"""An in-process transport to a sandbox dialect that breaks replies as its header asks, at simulated time.

    transport = FaultTransport(create_app(market, faults))
    vast = connect("http://vast.test", key, monotonic=..., transport=transport, wait=transport.wait)

The call acts on the market at once. How long it took is only counted, never waited for:

| attribute | meaning |
|---|---|
| `charged_s` | simulated seconds of the last request |
| `pending_s` | simulated seconds of all requests and pauses since `settle()`: one adapter call, pages and waits included |

A simulation calls `settle()` after each adapter call and delivers the result that many seconds later. Give the adapter
`monotonic=lambda: clock.seconds() + transport.pending_s`, so that its limits and its pacing see that time pass.

What the header `X-Sandbox-Transport` (gpushopper/sandbox/transport.py) becomes:

| word | charged | raised or answered |
|---|---|---|
| none | 0.05 s | the reply |
| `delay=S` | S, at most the limit | the reply; `ReadTimeout` when it would come after the limit |
| `drip` | one second a byte of head and body, at most the limit | as `delay` |
| `huge=MB` | 0.05 s and 0.1 s a MB | the reply, followed by that many megabytes of blanks |
| `hang`, `blackhole` | the limit | `ReadTimeout` |
| `dns` | 5 s, at most the limit | `ConnectError` |
| `offline` | 0.05 s | `ConnectError` |
| `reset` | 0.05 s | `ReadError` |

The limit is `request.extensions["total_limit"]`, else the read timeout of the request, else none (an hour).
Each thread has its own counters.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx

HEADER = "X-Sandbox-Transport"
QUICK_S = 0.05
LOOKUP_S = 5.0
FOREVER_S = 3600.0
_MEGABYTE = b" " * 1024**2


class FaultTransport(httpx.BaseTransport):
    """Carries requests into a WSGI application and obeys its transport header."""

    def __init__(self, app: Any) -> None:
        self._wsgi = httpx.WSGITransport(app=app)
        self._spent = _Spent()
        self.sent: list[httpx.Request] = []

    @property
    def charged_s(self) -> float:
        return self._spent.last

    @property
    def pending_s(self) -> float:
        return self._spent.total

    def settle(self) -> float:
        """Return `pending_s` and start again from zero."""
        total, self._spent.total = self._spent.total, 0.0
        return total

    def wait(self, seconds: float) -> None:
        """A pause between two requests of one call: time passes, nobody sleeps."""
        self._spent.total += max(seconds, 0.0)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        limit = _limit(request)
        answer = self._wsgi.handle_request(request)
        body = answer.read()
        word, _, arg = answer.headers.pop(HEADER, "").partition("=")
        match word:
            case "hang" | "blackhole":
                self._charge(limit)
                raise httpx.ReadTimeout(f"simulated {word}")
            case "dns":
                self._charge(min(LOOKUP_S, limit))
                raise httpx.ConnectError("simulated: name does not resolve")
            case "offline":
                self._charge(QUICK_S)
                raise httpx.ConnectError("simulated: connection refused")
            case "reset":
                self._charge(QUICK_S)
                raise httpx.ReadError("simulated: connection reset")
            case "drip":
                self._arrive(len(body) + sum(len(k) + len(v) + 4 for k, v in answer.headers.raw), limit)
            case "delay":
                self._arrive(float(arg or 0), limit)
            case "huge":
                size = round(float(arg or 100))
                self._charge(QUICK_S + 0.1 * size)
                return _copy(answer, _Padded(body, size))
            case _:
                self._charge(QUICK_S)
        return _copy(answer, httpx.ByteStream(body))

    def _charge(self, seconds: float) -> None:
        self._spent.last = seconds
        self._spent.total += seconds

    def _arrive(self, seconds: float, limit: float) -> None:
        self._charge(min(seconds, limit))
        if seconds > limit:
            raise httpx.ReadTimeout("simulated: the reply comes after the limit")


class _Spent(threading.local):
    last = 0.0
    total = 0.0


class _Padded(httpx.SyncByteStream):
    """A body followed by megabytes of blanks, made as they are read."""

    def __init__(self, body: bytes, megabytes: int) -> None:
        self._body = body
        self._megabytes = megabytes

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        for _ in range(self._megabytes):
            yield _MEGABYTE


def _limit(request: httpx.Request) -> float:
    total = request.extensions.get("total_limit")
    if total is None:
        total = (request.extensions.get("timeout") or {}).get("read")
    return FOREVER_S if total is None else float(total)


def _copy(answer: httpx.Response, stream: httpx.SyncByteStream) -> httpx.Response:
    """The same head over another stream; the length no longer holds for every stream."""
    headers = [(k, v) for k, v in answer.headers.raw if k.lower() != b"content-length"]
    return httpx.Response(answer.status_code, headers=headers, stream=stream)
