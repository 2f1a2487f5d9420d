"""Connections with time limits in total: one that drips a byte now and then ends like one that says nothing (F100)."""

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

    def limit(self, limit_s: float) -> None:
        """Give the next request, or its answer, so many seconds from its first byte on."""
        self._limit_s, self._ends_at = limit_s, None

    def recv_into(self, buffer: Any) -> int:
        self._heed()
        return self._channel.recv_into(buffer)

    def send(self, piece: Any) -> int:
        self._heed()
        return self._channel.send(piece)

    def fileno(self) -> int:
        return self._channel.fileno()

    def _decref_socketios(self) -> None:
        """Called when a stream closes; the connection closes the socket itself."""

    def _heed(self) -> None:
        now = _clock.monotonic()
        if self._ends_at is None:
            self._ends_at = now + self._limit_s
        if self._ends_at <= now:
            raise TimeoutError("timed out")  # the words by which cheroot knows a time limit
        self._channel.settimeout(self._ends_at - now)


class TimedConnection(HTTPConnection):
    """A connection whose requests must be whole within the server's `timeout`, and that is counted while open."""

    answer_limit_s = 30.0
    """For a whole answer, however slowly it is fetched."""

    def __init__(self, server: Any, channel: socket.socket, makefile: Any) -> None:
        self._reading, self._writing = _TimedStream(channel), _TimedStream(channel)

        def make(_channel: socket.socket, mode: str, size: int) -> Any:
            return makefile(self._reading if "r" in mode else self._writing, mode, size)

        super().__init__(server, channel, make)
        self.has_spoken = False
        self._on_close: Callable[[], None] | None = None

    def counted(self, on_close: Callable[[], None]) -> None:
        """Have this called once, when the connection closes."""
        self._on_close = on_close

    def communicate(self) -> bool:
        """Read one request and answer it; whether to keep the connection."""
        self._reading.limit(self.server.timeout)
        self._writing.limit(self.answer_limit_s)
        return bool(super().communicate())  # type: ignore[no-untyped-call]

    def close(self) -> None:
        on_close, self._on_close = self._on_close, None
        try:
            super().close()
        finally:
            if on_close is not None:
                on_close()


class BufferedRequests:
    """A WSGI application that is called with whole requests only, by so many threads at once.

    Reading a request costs a thread and nothing else; so there may be as many of those as connections, and a slow one
    keeps nobody out.
    """

    def __init__(self, app: Wsgi, at_once: int) -> None:
        self._app = app
        self._places = threading.BoundedSemaphore(at_once)

    def __call__(self, environ: Environment, start_response: Any) -> Iterable[bytes]:
        # All of it is there: nobody needs to cut it at the announced length, and what was cut on the way shows.
        environ |= {"wsgi.input": io.BytesIO(_read(environ)), "wsgi.input_terminated": True}
        with self._places:
            return self._app(environ, start_response)


def _read(environ: Environment) -> bytes:
    """The whole body, or of one that is too large a byte more than is taken.

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
