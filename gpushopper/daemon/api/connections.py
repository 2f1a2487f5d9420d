"""Time limits of API connections: a request must be complete in time, however slowly its bytes come (F100)."""

from __future__ import annotations

import errno
import io
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from cheroot.server import HTTPConnection

from gpushopper.clock import SystemClock
from gpushopper.daemon.api.request_validation import MAX_BODY_BYTES

Environment = dict[str, Any]
Wsgi = Callable[[Environment, Any], Iterable[bytes]]

_clock = SystemClock()


class _TimedStream:
    """One direction of a socket, as cheroot's streams use it; its operations share one time limit."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._limit_s = 0.0
        self._ends_at: float | None = None

    def set_limit(self, limit_s: float) -> None:
        """Allow this many seconds for the next request or its response, from the first byte on."""
        self._limit_s, self._ends_at = limit_s, None

    def recv_into(self, buffer: Any) -> int:
        self._apply_limit()
        return self._channel.recv_into(buffer)

    def send(self, piece: Any) -> int:
        self._apply_limit()
        return self._channel.send(piece)

    def fileno(self) -> int:
        return self._channel.fileno()

    def _decref_socketios(self) -> None:
        """Called by cheroot when a stream closes; the connection closes the socket itself."""

    def _apply_limit(self) -> None:
        now = _clock.monotonic()
        if self._ends_at is None:
            self._ends_at = now + self._limit_s
        if self._ends_at <= now:
            raise TimeoutError("timed out")  # the text by which cheroot recognises a timeout
        self._channel.settimeout(self._ends_at - now)


class TimedConnection(HTTPConnection):
    """A connection whose requests must be complete within the server's `timeout`, and that is counted while open."""

    response_limit_s = 30.0
    """For a whole response, however slowly it is read."""

    def __init__(self, server: Any, channel: socket.socket, makefile: Any) -> None:
        self._reading, self._writing = _TimedStream(channel), _TimedStream(channel)

        def make(_channel: socket.socket, mode: str, size: int) -> Any:
            return makefile(self._reading if "r" in mode else self._writing, mode, size)

        super().__init__(server, channel, make)
        self.has_sent_data = False
        self._on_close: Callable[[], None] | None = None

    def call_on_close(self, on_close: Callable[[], None]) -> None:
        """Call this once, when the connection closes."""
        self._on_close = on_close

    def communicate(self) -> bool:
        """Read one request and answer it; whether to keep the connection."""
        self._reading.set_limit(self.server.timeout)
        self._writing.set_limit(self.response_limit_s)
        return bool(super().communicate())  # type: ignore[no-untyped-call]

    def close(self) -> None:
        on_close, self._on_close = self._on_close, None
        try:
            super().close()
        finally:
            if on_close is not None:
                on_close()


class BufferedRequests:
    """A WSGI application that reads each request completely, then calls `app` in at most `at_once` threads.

    Waiting for a request costs one thread and nothing else, so there may be as many as connections, and a slow client
    blocks no other.
    """

    def __init__(self, app: Wsgi, at_once: int) -> None:
        self._app = app
        self._slots = threading.BoundedSemaphore(at_once)

    def __call__(self, environ: Environment, start_response: Any) -> Iterable[bytes]:
        # The body is complete: no reader needs to stop at the announced length, and a shorter one is noticed.
        environ |= {"wsgi.input": io.BytesIO(_read(environ)), "wsgi.input_terminated": True}
        with self._slots:
            return self._app(environ, start_response)


def _read(environ: Environment) -> bytes:
    """The whole body; of one that is too large, one byte more than allowed.

    Raises:
        TimeoutError: it did not come in time.
        ConnectionResetError: it ended inside a chunk.
    """
    is_chunked = environ.get("wsgi.input_terminated", False)
    length = MAX_BODY_BYTES + 1 if is_chunked else int(environ.get("CONTENT_LENGTH") or 0)
    try:
        return bytes(environ["wsgi.input"].read(length)) if length else b""
    except ValueError as cut:
        raise ConnectionResetError(errno.ECONNRESET, "the body was cut inside a chunk") from cut
