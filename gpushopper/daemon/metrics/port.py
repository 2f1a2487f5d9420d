"""The metrics on a loopback port, for a Prometheus that cannot read a Unix socket: off unless set, and behind a token.

Nothing else of the local API is reachable there.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from cheroot.wsgi import Server

from gpushopper.paths import Home
from gpushopper.private_files import private_folder, write_private
from gpushopper.wire.api.routes import METRICS

ADDRESS = "127.0.0.1"
THREADS = 2
READ_LIMIT_S = 5
STOP_LIMIT_S = 1
LARGEST_HEAD = 16_000
TOKEN_BYTES = 32

_log = structlog.get_logger(__name__)
_Answer = tuple[str, str, bytes]


def read_token(home: Home) -> str:
    """The token that a scrape must show; made at first, in a file that only this user can read.

    Raises:
        OSError: the file cannot be read or written.
    """
    try:
        token = home.metrics_token.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        token = ""
    if token:
        return token
    token = secrets.token_hex(TOKEN_BYTES)
    private_folder(home.config)
    write_private(home.metrics_token, token + "\n")
    return token


class _Server(Server):
    """cheroot, with small limits, and our log in the place of stderr."""

    max_request_header_size = LARGEST_HEAD
    max_request_body_size = 1
    refused: OSError | None = None
    """Why it could not be bound; the library raises an error of its own words."""

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:
        """Bind; the library would leave a socket open that could not be bound."""
        made = socket.socket(family, type, proto)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(self.bind_addr)
        except OSError as error:
            made.close()
            self.refused = error
            raise
        self.socket = made
        return made

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        _log.warning("metrics server", text=msg, exc_info=traceback)


class MetricsPort:
    """The port and its threads. `open` is called again by a job until it has worked; `render` makes the text."""

    def __init__(self, home: Home, port: int | None, render: Callable[[], bytes]) -> None:
        self._home = home
        self._port = port
        self._render = render
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self.problem = ""
        """Why the port is not open; empty where it is, or none is set."""

    @property
    def is_set(self) -> bool:
        """Whether a port is to be opened at all."""
        return self._port is not None

    def open(self) -> None:
        """Listen, where a port is set and it does not yet; what keeps it from that is noted and tried again."""
        if self._port is None or self._server is not None:
            return
        server: _Server | None = None
        try:
            token = read_token(self._home)
            server = _Server(
                (ADDRESS, self._port), self._application(token), numthreads=THREADS, max=THREADS,
                timeout=READ_LIMIT_S, shutdown_timeout=STOP_LIMIT_S,
            )  # fmt: skip
            server.prepare()
        except OSError as error:
            why = error if server is None or server.refused is None else server.refused
            problem = f"metrics are not served on {ADDRESS}:{self._port}: {why.strerror or why}"
            if problem != self.problem:
                _log.warning("metrics", text=problem)
            self.problem = problem
            return
        self.problem = ""
        self._server = server
        self._thread = threading.Thread(target=server.serve, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _application(self, token: str) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            status, kind, body = self._answer(environ, token)
            headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
            start_response(status, headers + ([("WWW-Authenticate", "Bearer")] if status.startswith("401") else []))
            return [body]

        return answer

    def _answer(self, environ: dict[str, Any], token: str) -> _Answer:
        plain = "text/plain; charset=utf-8"
        given = str(environ.get("HTTP_AUTHORIZATION", "")).encode("latin-1", "replace")
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            return "401 Unauthorized", plain, b"a token is needed\n"
        if environ.get("PATH_INFO") != "/metrics" or environ.get("REQUEST_METHOD") != "GET":
            return "404 Not Found", plain, b"only GET /metrics is served here\n"
        try:
            return "200 OK", METRICS.media, self._render()
        except Exception as error:  # noqa: BLE001 - outermost frame of the request: the log has it, the scraper a line
            _log.error("metrics failed", exc_info=error)
            return "500 Internal Server Error", plain, b"see the daemon's log\n"
