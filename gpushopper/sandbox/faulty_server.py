"""The TCP server of the dialects: breaks connections (hang, reset, drip, delay) as `X-Sandbox-Transport` demands."""

from __future__ import annotations

import select
import socket
import struct
import threading
from typing import Any

from cheroot import wsgi

from gpushopper.sandbox.transport_header import HEADER, read_header

MEGABYTE = 1_000_000
_HEADER = HEADER.lower().encode()
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with zero seconds: close sends RST


class FaultyServer(wsgi.Server):  # type: ignore[misc, unused-ignore]
    """A WSGI server on 127.0.0.1 whose replies can hang, drip, reset, come late or never end."""

    def __init__(self, port: int, app: Any) -> None:
        super().__init__(("127.0.0.1", port), app, numthreads=16, request_queue_size=128, shutdown_timeout=1)
        self.gateway = FaultyGateway
        self.closing = threading.Event()

    def stop(self) -> None:
        """Stop serving and close every held connection."""
        self.closing.set()
        super().stop()


class FaultyGateway(wsgi.Gateway_10):  # type: ignore[misc, unused-ignore]
    """Sends a reply, or takes the connection from the server to break it."""

    def respond(self) -> None:
        """Answer one request."""
        body = b"".join(self.req.server.wsgi_app(self.env, self.start_response))
        headers: list[tuple[bytes, bytes]] = self.req.outheaders
        transport = [value for name, value in headers if name.lower() == _HEADER]
        if not transport:
            self.write(body)
            return
        word, amount = read_header(transport[0].decode())
        head = _head(self.req.status, [(k, v) for k, v in headers if k.lower() != _HEADER], word == "huge")
        connection = self.req.conn
        # The worker thread must not close or reuse a connection that another thread holds now.
        connection.linger, self.req.close_connection, self.req.ready = True, True, False
        held = _Held(connection.socket, self.req.server.closing)
        threading.Thread(target=held.run, args=(word, amount, head, body), daemon=True).start()


class _Held:
    """One connection that is held open, or broken, until the client closes it or the server stops."""

    def __init__(self, connection: socket.socket, closing: threading.Event) -> None:
        self._socket = connection
        self._closing = closing

    def run(self, word: str, amount: float, head: bytes, body: bytes) -> None:
        try:
            self._socket.settimeout(30)
            match word:
                case "reset" | "dns" | "offline":
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                case "drip":
                    self._drip(head + body)
                case "huge":
                    self._flood(head + body, round(amount * MEGABYTE))
                case "delay":
                    if self._wait(amount):
                        self._socket.sendall(head + body)
                case _:
                    self._wait(None)
        except OSError:
            pass  # the client has closed the connection, as these faults provoke
        finally:
            self._socket.close()

    def _wait(self, seconds: float | None) -> bool:
        """Wait while the client is connected; False when it has closed the connection or the server stops."""
        left = seconds
        while left is None or left > 0:
            if self._closing.wait(0.05 if left is None else min(left, 0.05)):
                return False
            left = None if left is None else left - 0.05
            readable, _, _ = select.select([self._socket], [], [], 0)
            if readable and not self._socket.recv(1, socket.MSG_PEEK):
                return False
        return True

    def _drip(self, reply: bytes) -> None:
        for position in range(len(reply)):
            self._socket.sendall(reply[position : position + 1])
            if self._closing.wait(1):
                return

    def _flood(self, reply: bytes, size: int) -> None:
        self._socket.sendall(reply)
        blanks = b" " * 65_536
        sent = len(reply)
        while sent < size and not self._closing.is_set():
            self._socket.sendall(blanks)
            sent += len(blanks)


def _head(status: bytes, headers: list[tuple[bytes, bytes]], endless: bool) -> bytes:
    """Return the head of a reply; without Content-Length, an endless body ends with the connection."""
    lines = [b"HTTP/1.1 " + status]
    lines += [k + b": " + v for k, v in headers if not (endless and k.lower() == b"content-length")]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])
