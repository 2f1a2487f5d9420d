"""A loopback proxy in front of the sandbox that records every byte the sandbox receives."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

LENGTH = re.compile(rb"(?im)^content-length: *(\d+)\r?$")


class Request(NamedTuple):
    """One request; what has no end yet is all head."""

    head: bytes
    body: bytes


class RecordingProxy:
    """Stands at `url` for the server at another one."""

    def __init__(self, behind: str) -> None:
        parts = urlsplit(behind)
        self._behind = (parts.hostname, parts.port)
        self._kept: list[bytearray] = []
        self._channels: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for channel in self._channels:
            with suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
            channel.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
                there = socket.create_connection(self._behind)
            except OSError:
                return
            self._channels += [here, there]
            kept = bytearray()
            self._kept.append(kept)
            for source, target, copy in ((here, there, kept), (there, here, bytearray())):
                threading.Thread(target=self._carry, args=(source, target, copy), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                kept += piece
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def received(self) -> list[Request]:
        """Every byte so far, in requests."""
        return [request for kept in self._kept for request in split(bytes(kept))]


def split(stream: bytes) -> list[Request]:
    """Cut what came over one connection into its requests."""
    found = []
    while stream:
        head, _, rest = stream.partition(b"\r\n\r\n")
        assert b"chunked" not in head.lower(), "a body of no told length is not read here"
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        found.append(Request(head, rest[:size]))
        stream = rest[size:]
    return found
