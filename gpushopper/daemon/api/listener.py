"""The API's Unix socket: private, bound again when it vanishes; limits on connections and threads (F95-F100)."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from cheroot.wsgi import Server

from gpushopper.daemon.api.connections import BufferedRequests, TimedConnection
from gpushopper.daemon.api.request_validation import MAX_BODY_BYTES
from gpushopper.errors import Misconfigured
from gpushopper.paths import SOCKET_LIMIT, Home
from gpushopper.store.sqlite.database_files import file_error

THREADS = 8
"""Requests that are handled at once."""
CONNECTIONS = 64
"""Connections that are open at once; each may have a thread that reads its request."""
READ_LIMIT_S = 5
"""Timeout of a whole request, from its first byte on; also of a connection that sends nothing."""
STOP_LIMIT_S = 2
LISTEN_QUEUE = 512
"""Length of the kernel's listen queue; when it is full, connect() fails at once (EAGAIN)."""

_log = structlog.get_logger(__name__)


def check_path(home: Home) -> None:
    """Refuse a socket path that is too long for some systems (S22).

    Raises:
        Misconfigured: it is too long.
    """
    length = len(os.fsencode(home.socket))
    if length > SOCKET_LIMIT:
        raise Misconfigured(
            f"the socket's path has {length} bytes, and systems take {SOCKET_LIMIT}: {home.socket}",
            "set GPU_SHOPPER_HOME to a shorter folder",
            code="socket_path",
        )


class SocketServer(Server):
    """cheroot, with a socket of mode 0600, and with threads only for connections that have sent data."""

    gid: int | None = None
    """The group whose members may connect, too: then the mode is 0660."""
    most_of_one: int | None = None
    """How many connections one user may have open; None: all."""

    expiration_interval = 0.5
    max_request_body_size = MAX_BODY_BYTES + 1000
    # Internal, and missing in the library's stubs; the tests would notice if it were removed.
    _connections: Any
    max_request_header_size = 32_000
    ConnectionClass = TimedConnection

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._counting = threading.Lock()
        self.open_connections = 0
        self._of_user: Counter[int] = Counter()

    def bind_unix_socket(self, bind_addr: Any) -> None:
        """Bind a new socket in the place of an old one; we hold the home's lock, so an old one is dead (F96).

        It is renamed to its path once it listens, so that a client that finds it is never refused.
        """
        path = Path(bind_addr)
        unnamed = path.with_name("new")  # shorter than the name it gets (S22)
        unnamed.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Before bind, so that the mode is never another one; the chmod is for systems that ignore it.
        os.fchmod(self.socket.fileno(), 0o600)
        self.socket.bind(str(unnamed))
        os.chmod(unnamed, 0o600)
        if self.gid is not None:
            os.chown(unnamed, -1, self.gid)  # before the mode: another group never has it
            os.chmod(unnamed, 0o660)
        self.socket.listen(LISTEN_QUEUE)
        unnamed.rename(path)
        self.bind_addr = bind_addr

    def process_conn(self, conn: Any) -> None:
        """Give a new connection to the selector first: one that sends nothing must not hold a thread (F100)."""
        if conn.has_sent_data:
            super().process_conn(conn)
        elif not self._takes(uid := -1 if self.most_of_one is None else int(conn.peer_uid)):
            _reject_busy(conn)
        else:
            self._count(uid, 1)
            conn.call_on_close(lambda: self._count(uid, -1))
            conn.has_sent_data = True
            self._connections.put(conn)

    def _takes(self, uid: int) -> bool:
        """Whether one more of this user may be open; asked by the one thread that accepts."""
        is_one_too_many = self.most_of_one is not None and self._of_user[uid] >= self.most_of_one
        return not is_one_too_many and self.open_connections < self.requests.max

    def _count(self, uid: int, change: int) -> None:
        with self._counting:
            self.open_connections += change
            self._of_user[uid] += change

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Into our log instead of onto stderr."""
        _log.warning("server", text=msg, exc_info=traceback)


def _reject_busy(conn: Any) -> None:
    """Answer 503 at once. The library's own way keeps the connection open until it is garbage-collected."""
    fields = {"code": "busy", "message": "too many connections", "hint": "", "request_id": "", "exit": 1}
    body = json.dumps({"error": fields})
    head = f"HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    with suppress(OSError):
        conn.socket.setblocking(False)
        conn.socket.send(f"{head}\r\n\r\n{body}".encode())
    conn.close()


class Listener:
    """The bound socket and the threads behind it."""

    def __init__(self, home: Home, app: Any) -> None:
        self._home = home
        self._app = app
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._identity: tuple[int, int] | None = None

    def open(self) -> None:
        """Bind and serve.

        Raises:
            Misconfigured: the path is too long, or its folder is not private to us.
        """
        check_path(self._home)
        _make_folder(self._home.run)
        # cheroot would take file descriptor 3 for a systemd socket, even if the variable was meant for another process.
        os.environ.pop("LISTEN_PID", None)
        server = SocketServer(
            str(self._home.socket), BufferedRequests(self._app, THREADS), numthreads=CONNECTIONS, max=CONNECTIONS,
            timeout=READ_LIMIT_S, shutdown_timeout=STOP_LIMIT_S, accepted_queue_size=CONNECTIONS,
            accepted_queue_timeout=1, request_queue_size=LISTEN_QUEUE, peercreds_enabled=True,
        )  # fmt: skip
        try:
            server.prepare()
        except OSError as error:
            raise file_error(self._home.socket, error) from error
        self._server = server
        self._identity = identity_of(self._home.socket)
        self._thread = threading.Thread(target=server.serve, name="api", daemon=True)
        self._thread.start()

    def reopen_if_lost(self) -> bool:
        """Bind again when our socket is no longer at its path (F97); whether that was needed."""
        if self._identity is not None and identity_of(self._home.socket) == self._identity:
            return False
        _log.warning("the socket has vanished, binding it again", path=str(self._home.socket))
        self.close()
        self.open()
        return True

    def close(self) -> None:
        """Stop accepting, wait briefly for running requests, and remove the socket if it is still ours."""
        if self._server is None:
            return
        is_ours = identity_of(self._home.socket) == self._identity
        self._server.stop()
        if self._thread is not None:
            self._thread.join(STOP_LIMIT_S)
        if is_ours:
            self._home.socket.unlink(missing_ok=True)
        self._server = None


def identity_of(path: Path) -> tuple[int, int] | None:
    """What tells the socket at this path from another one; None where there is no socket."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISSOCK(status.st_mode) else None


def _make_folder(folder: Path) -> None:
    """Make the socket's folder, 0700 and ours; refuse a link or another user's folder (I22)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise Misconfigured(f"{folder} is not a folder of ours", f"remove {folder}", code="socket_folder")
        folder.chmod(0o700)
    except OSError as error:
        raise file_error(folder, error) from error
