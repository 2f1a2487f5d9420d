"""HTTP transport with one total time limit per request, from connect to last byte; finds the https proxy (S14, F76).

httpcore itself has a timeout for each operation only.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.request import getproxies_environment, proxy_bypass

import httpcore
import httpx

_SLICE = 16 * 1024
_CONNECT_S = 10.0
"""Most for one address of a name: a dead IPv6 route must leave time for IPv4."""
_CONNECTIONS = 20
_KERNEL_LIMIT_MS = 30_000
"""How long the kernel may hold unsent bytes of a create, in awake time (D2, F65)."""


class _Progress(threading.local):
    """The calling thread's request: when it must be over, and whether a byte of it was sent."""

    end = 0.0
    wrote = False


class _Timer:
    """The remaining time of the calling thread's request."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._progress = _Progress()

    def begin(self, limit_s: float) -> None:
        self._progress.end = self._monotonic() + limit_s
        self._progress.wrote = False

    def left(self, late: type[Exception], most: float | None = None) -> float:
        """Seconds left; raises `late` when there are none."""
        left = self._progress.end - self._monotonic()
        if left <= 0:
            raise late("total time limit")
        return left if most is None else min(left, most)

    def note_write(self) -> None:
        self._progress.wrote = True

    @property
    def wrote(self) -> bool:
        return self._progress.wrote


class _Stream(httpcore.NetworkStream):
    """A connection each of whose operations gets only the remaining time of its request."""

    def __init__(self, inner: httpcore.NetworkStream, timer: _Timer) -> None:
        self._inner = inner
        self._timer = timer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._timer.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In slices: the stream below gives each send the whole time.
        for start in range(0, len(buffer), _SLICE):
            left = self._timer.left(httpcore.WriteTimeout)
            self._timer.note_write()
            self._inner.write(buffer[start : start + _SLICE], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._timer.left(httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._timer)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects address by address. The name lookup itself cannot be bounded; what comes late is not sent."""

    def __init__(self, timer: _Timer) -> None:
        self._inner = httpcore.SyncBackend()
        self._timer = timer

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("no address")
        for address in _addresses(host, port):
            left = self._timer.left(httpcore.ConnectTimeout, _CONNECT_S)
            try:
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _Stream(stream, self._timer)
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"its address was not found (DNS): {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class TimeLimitedTransport(httpx.BaseTransport):
    """HTTP/1.1 with `request.extensions["total_limit"]` seconds for everything from connect to the last byte.

    No redirects, no retries, no cookies, no environment but a proxy for https (see `find_proxy`). Certificates are
    always verified, against the bundle shipped with httpx: nothing in the environment can replace it.
    """

    def __init__(self, monotonic: Callable[[], float], endpoint: httpx.URL) -> None:
        self._timer = _Timer(monotonic)
        proxy = find_proxy(endpoint)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_verifying() if endpoint.scheme == "https" else None,
            proxy=proxy,
            max_connections=_CONNECTIONS,
            keepalive_expiry=5.0,
            retries=0,
            network_backend=_Backend(self._timer),
            socket_options=_socket_options(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send once.

        Raises:
            httpx.ConnectError: no byte of the request has left.
            httpx.ReadTimeout, httpx.ReadError: it may have arrived.
        """
        limit_s = float(request.extensions["total_limit"])
        self._timer.begin(limit_s)
        phases = dict.fromkeys(("connect", "read", "write", "pool"), limit_s)
        url = request.url
        with self._translated():
            answer = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.read(),
                    extensions={"timeout": phases},
                )
            )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer, self._translated))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpcore.TimeoutException as error:
            raise (httpx.ReadTimeout if self._timer.wrote else httpx.ConnectTimeout)(_reason(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError) as error:
            raise (httpx.ReadError if self._timer.wrote else httpx.ConnectError)(_reason(error)) from error

    def close(self) -> None:
        """Close idle connections; calls in progress run into their limits."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body, read under the same limit."""

    def __init__(self, answer: httpcore.Response, translated: Callable[[], Any]) -> None:
        self._answer = answer
        self._translated = translated

    def __iter__(self) -> Iterator[bytes]:
        with self._translated():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


def _reason(error: Exception) -> str:
    """What it says; only of an error without words the type, as httpx's error beside it has that of the same name."""
    return str(error) or type(error).__name__


@cache
def _verifying() -> ssl.SSLContext:
    """One for all connections: reading the bundle takes 20 ms."""
    return httpx.create_ssl_context(verify=True, trust_env=False)


def _socket_options() -> list[tuple[int, int, int]]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:  # Linux; elsewhere the rules' limit of a call in flight does it
        options.append((socket.IPPROTO_TCP, user_timeout, _KERNEL_LIMIT_MS))
    return options


def find_proxy(endpoint: httpx.URL) -> httpcore.Proxy | None:
    """The environment's proxy for an https endpoint (HTTPS_PROXY, then ALL_PROXY; NO_PROXY obeyed), else None.

    Kept because many institutes let nothing out otherwise; safe because the proxy sees only a TLS tunnel to a
    verified name. Never for plain http, where it would see the key. Only http proxies: SOCKS needs a library more.
    """
    if endpoint.scheme != "https":
        return None
    proxies = getproxies_environment()
    found = proxies.get("https") or proxies.get("all")
    if not found or proxy_bypass(endpoint.host):
        return None
    url = httpx.URL(found if "://" in found else f"http://{found}")
    if url.scheme != "http":
        return None
    auth = (url.username, url.password) if url.username else None
    return httpcore.Proxy(httpcore.URL(scheme=b"http", host=url.raw_host, port=url.port or 80, target=b"/"), auth)
