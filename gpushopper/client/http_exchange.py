"""One HTTP request over the daemon's Unix socket, after a check of the socket's owner; timeout and size limit."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from gpushopper import errors
from gpushopper.clock import SystemClock
from gpushopper.paths import SOCKET_LIMIT, Home

SIZE_LIMIT = 32 * 1024 * 1024


class NotConnected(Exception):
    """No process listens, or the connection broke before the whole response came."""


class ListenQueueFull(Exception):
    """The daemon is running, but the kernel's listen queue is full."""


class Response(NamedTuple):
    """A whole HTTP response; header names in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


def exchange(
    path: str,
    method: str,
    target: str,
    headers: Mapping[str, str],
    payload: bytes | None,
    limit_s: float,
    size_limit: int = SIZE_LIMIT,
) -> Response:
    """One request and its whole response over a Unix socket, within one timeout for both, however slow the peer.

    HTTP/1.0, where a response ends with its connection, is so simple to parse that http.client, which would cost
    every command 15 ms, is not used.

    Raises:
        NotConnected: no process listens, or the connection broke before the response was complete.
        ListenQueueFull: too many others are connecting.
        TimeoutError: the whole exchange took too long.
    """
    lines = [f"{method} {target} HTTP/1.0", "Host: daemon", f"Content-Length: {len(payload or b'')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode("ascii") + (payload or b"")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        try:
            response = _talk(channel, path, request, limit_s, size_limit)
        except TimeoutError:
            raise
        except BlockingIOError as error:
            raise ListenQueueFull(str(error)) from error
        except OSError as error:
            raise NotConnected(str(error)) from error
    return _parse(response)


def _talk(channel: socket.socket, path: str, request: bytes, limit_s: float, size_limit: int) -> bytes:
    clock = SystemClock()
    ends_at = clock.monotonic() + limit_s
    channel.settimeout(limit_s)
    channel.connect(path)
    check_peer(channel)
    # A refusing daemon answers before it reads the request: its response can still be read.
    with suppress(BrokenPipeError, ConnectionResetError):
        channel.sendall(request)
    pieces: list[bytes] = []
    size = 0
    while True:
        left = ends_at - clock.monotonic()
        if left <= 0:
            raise TimeoutError
        channel.settimeout(left)
        try:
            piece = channel.recv(256 * 1024)
        except ConnectionResetError:
            piece = b""  # closed before it read all of the request; _parse checks that the response is complete
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > size_limit:
            raise errors.ShopperError("the response is larger than the limit")


def _parse(response: bytes) -> Response:
    head, _, content = response.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise NotConnected("the response is not HTTP" if response else "the connection closed without a response")
    # Required: without it a truncated response would look complete.
    if headers.get("content-length") != str(len(content)):
        raise NotConnected("the response was cut short")
    return Response(int(words[1]), headers, content)


def check_socket(home: Home) -> str:
    """Return the socket's path after a check that folder and socket are ours (I22, D14).

    Raises:
        Misconfigured: the path is too long, or folder or socket belong to another user.
        NotConnected: there is no socket.
    """
    path = str(home.socket)
    if len(os.fsencode(path)) > SOCKET_LIMIT:
        raise errors.Misconfigured(
            f"the socket path is longer than {SOCKET_LIMIT} bytes: {path}",
            "choose a shorter folder with GPU_SHOPPER_HOME",
        )
    try:
        folder, file = os.lstat(home.run), os.lstat(path)
    except OSError as error:
        raise NotConnected(str(error)) from error
    ours = os.getuid()
    if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != ours or folder.st_mode & 0o022:
        raise errors.Misconfigured(f"{home.run} is not a folder of ours alone", f"look at it: ls -ld {home.run}")
    if not stat.S_ISSOCK(file.st_mode) or file.st_uid != ours:
        raise errors.Misconfigured(f"{path} is not our daemon's socket", f"look at it: ls -l {path}")
    return path


def check_peer(channel: socket.socket) -> None:
    """Refuse a server that runs as another user, where the system can say (Linux)."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return
    _, uid, _ = struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    if uid != os.getuid():
        raise errors.Misconfigured(f"another user (uid {uid}) answers on our socket")
