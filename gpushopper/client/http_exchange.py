"""One HTTP exchange over the daemon's Unix socket, standard library only, after making sure whose socket it is."""

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
    """Nobody listens, or the connection broke before the whole answer came."""


class ListenQueueFull(Exception):
    """Somebody listens, and more are knocking than the system keeps in line."""


class Response(NamedTuple):
    """A whole HTTP answer; header names in lower case."""

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
    """One request and its whole answer over a Unix socket, within one time limit that dripping cannot stretch.

    HTTP/1.0, where an answer ends with its connection, needs so little reading that http.client, which would cost
    every command 15 ms, is left out.

    Raises:
        NotConnected: nobody listens, or the connection broke before the answer was whole.
        ListenQueueFull: too many others are knocking.
        TimeoutError: the whole exchange took too long.
    """
    lines = [f"{method} {target} HTTP/1.0", "Host: daemon", f"Content-Length: {len(payload or b'')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode("ascii") + (payload or b"")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        try:
            answer = _talk(channel, path, request, limit_s, size_limit)
        except TimeoutError:
            raise
        except BlockingIOError as error:
            raise ListenQueueFull(str(error)) from error
        except OSError as error:
            raise NotConnected(str(error)) from error
    return _parse(answer)


def _talk(channel: socket.socket, path: str, request: bytes, limit_s: float, size_limit: int) -> bytes:
    clock = SystemClock()
    ends_at = clock.monotonic() + limit_s
    channel.settimeout(limit_s)
    channel.connect(path)
    check_peer(channel)
    # Whoever is turned away at the door is told why before anything was heard: the answer is there to be read.
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
            piece = b""  # closed over our last words: what came before is whole, or is found not to be
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > size_limit:
            raise errors.ShopperError("the answer is too long to be true")


def _parse(answer: bytes) -> Response:
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise NotConnected("the answer is not HTTP" if answer else "the connection closed without an answer")
    # Required: without it a cut answer would look whole.
    if headers.get("content-length") != str(len(content)):
        raise NotConnected("the answer was cut short")
    return Response(int(words[1]), headers, content)


def check_socket(home: Home) -> str:
    """Return the socket's path after making sure that nobody else planted it (I22, D14).

    Raises:
        Misconfigured: the path is too long, or folder or socket belong to somebody else.
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
