"""An in-process transport to a sandbox dialect that breaks replies as its header asks, at simulated time.

    transport = FaultTransport(create_app(dialect, market, faults, rate_limiter), charge=clock.wait)
    vast = connect("http://127.0.0.1:9", credential, clock.monotonic, transport=transport, wait=clock.wait)

The call acts on the market at once. How long it took is only counted, never waited for: `charge` is called with the
simulated seconds of each request, and `charged_s` sums them, with the pauses made through `transport.wait`, since it
was last set to 0. A simulation delivers the result that many seconds later; its `monotonic` must count what has been
charged so far, so that limits and pacing see the time pass.

What the header `X-Sandbox-Transport` (gpushopper/sandbox/transport_header.py) becomes:

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
`sent` keeps every request, for tests that count them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx

HEADER = "X-Sandbox-Transport"
QUICK_S = 0.05
LOOKUP_S = 5.0
FOREVER_S = 3600.0
_MEGABYTE = b" " * 1024**2


class FaultTransport(httpx.BaseTransport):
    """Carries requests into a WSGI application and obeys its transport header."""

    def __init__(self, app: Any, charge: Callable[[float], object] = lambda seconds: None) -> None:
        self._wsgi = httpx.WSGITransport(app=app)
        self._report = charge
        self.charged_s = 0.0
        self.sent: list[httpx.Request] = []

    def wait(self, seconds: float) -> None:
        """A pause between two requests of one call: simulated time passes."""
        self._charge(seconds)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        limit = _limit(request)
        answer = self._wsgi.handle_request(request)
        body = b"".join(answer.stream)  # as read(), but no app compresses
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
        answer.stream = httpx.ByteStream(body)
        return answer

    def _charge(self, seconds: float) -> None:
        self.charged_s += seconds
        self._report(seconds)

    def _arrive(self, seconds: float, limit: float) -> None:
        self._charge(min(seconds, limit))
        if seconds > limit:
            raise httpx.ReadTimeout("simulated: the reply comes after the limit")


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
