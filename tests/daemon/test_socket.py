"""The socket: private, replaced when stale or lost, never blocked by slow or silent clients (F95-F100, F110)."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from flask import Flask, request

from gpushopper.daemon.api.connections import TimedConnection
from gpushopper.daemon.api.listener import CONNECTIONS, READ_LIMIT_S, THREADS, Listener
from gpushopper.errors import Misconfigured
from gpushopper.paths import find_home
from tests.daemon.conftest import Running
from tests.needs import needs_root

Starting = Callable[..., Running]


def connect(path: Path) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.settimeout(20)
    channel.connect(str(path))
    return channel


def test_folder_and_socket_are_private(start: Starting):
    running = start()
    assert stat.S_IMODE(running.home.run.stat().st_mode) == 0o700
    assert stat.S_IMODE(running.home.socket.stat().st_mode) == 0o600


KNOCK = """
import http.client, socket, sys
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
try:
    connection = Connection("daemon")
    connection.request("GET", "/health")
    print(connection.getresponse().status)
except OSError as error:
    print(type(error).__name__)
"""


@needs_root
def test_another_user_is_refused_by_mode_and_by_peer_id(start: Starting):
    running = start()

    def connect() -> str:
        # -I -S: the other user may read neither the checkout nor its packages, and needs none of them.
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        done = subprocess.run(
            [*command, os.path.realpath(sys.executable), "-I", "-S", "-c", KNOCK, str(running.home.socket)],
            text=True, capture_output=True, cwd="/", check=False,
        )  # fmt: skip
        return done.stdout.strip() or done.stderr

    assert connect() == "PermissionError"
    for folder in (running.home.data.parent, running.home.data, running.home.run):
        folder.chmod(0o755)
    running.home.socket.chmod(0o666)
    assert connect() == "403"
    assert running.ask("GET", "/health").status == 200


def test_a_killed_daemon_leaves_a_socket_that_the_next_one_replaces(start: Starting):
    first = start()
    first.end(9)
    assert first.home.socket.is_socket()
    second = start()
    assert second.ask("GET", "/health").json["pid"] == second.process.pid


def test_a_client_that_finds_the_socket_is_never_refused(home: Path):
    """The name appears on a socket that already listens: a client that sees it may connect at once (F95)."""
    found: list[bool] = []

    def look(event: str, args: tuple[object, ...]) -> None:
        if event == "os.rename" and str(args[1]) == str(find_home().socket) and not find_home().socket.exists():
            with connect(Path(str(args[0]))):
                found.append(True)

    sys.addaudithook(look)
    opened = Listener(find_home(), Flask(__name__))
    opened.open()
    with connect(find_home().socket):
        opened.close()
    assert found == [True]


def test_a_stopped_daemon_removes_its_socket(start: Starting):
    running = start()
    assert running.end()[0] == 0
    assert not running.home.socket.exists()


@pytest.fixture
def listener(home: Path) -> Iterator[Listener]:
    app = Flask(__name__)
    app.add_url_rule("/", "here", lambda: "here")
    app.add_url_rule("/in", "in", lambda: str(len(request.get_data())), methods=["POST"])
    opened = Listener(find_home(), app)
    opened.open()
    yield opened
    opened.close()


def reply(path: Path, text: bytes = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") -> str:
    """All that is answered; a reset after the answer only says that our last words were not read."""
    answered = ""
    with connect(path) as channel:
        with suppress(BrokenPipeError, ConnectionResetError):
            channel.sendall(text)
        with suppress(ConnectionResetError):
            while part := channel.recv(4096).decode():
                answered += part
    return answered


@pytest.mark.parametrize("loss", ["file", "folder", "other socket", "other file"])
def test_a_lost_socket_is_bound_again(listener: Listener, loss: str):
    where = find_home()
    assert listener.reopen_if_lost() is False
    where.socket.unlink()
    if loss == "folder":
        where.run.rmdir()
    elif loss == "other socket":
        stray = socket.socket(socket.AF_UNIX)
        stray.bind(str(where.socket))
        stray.close()
    elif loss == "other file":
        where.socket.write_text("")
    assert listener.reopen_if_lost() is True
    assert reply(where.socket).endswith("here")
    assert stat.S_IMODE(where.socket.stat().st_mode) == 0o600


def test_closing_keeps_the_socket_of_another_process(listener: Listener):
    where = find_home()
    where.socket.unlink()
    where.socket.write_text("somebody else's")
    listener.close()
    assert where.socket.read_text() == "somebody else's"


def test_a_folder_that_is_a_link_is_refused(home: Path):
    home.mkdir()
    (home.parent / "elsewhere").mkdir()
    find_home().run.symlink_to(home.parent / "elsewhere")
    with pytest.raises(Misconfigured, match="not a folder of ours"):
        Listener(find_home(), Flask(__name__)).open()


def test_the_listen_variables_of_systemd_are_ignored(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    opened = Listener(find_home(), Flask(__name__))
    opened.open()
    try:
        assert "404" in reply(find_home().socket)
    finally:
        opened.close()


def test_connections_that_send_nothing_hold_no_thread(listener: Listener):
    where = find_home()
    silent = [connect(where.socket) for _ in range(THREADS * 3)]
    assert reply(where.socket).endswith("here")
    for channel in silent:
        channel.close()


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
     b"POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"],
    ids=["request line", "headers", "body", "chunked body"],
)  # fmt: skip
def test_slow_connections_block_no_other(listener: Listener, wait_until: Callable[..., None], begun: bytes):
    """More of them than requests are acted on at once, each with a byte now and then (F100)."""
    where = find_home()
    with ExitStack() as all_of_them:
        dripping = [all_of_them.enter_context(connect(where.socket)) for _ in range(THREADS * 2)]
        for channel in dripping:
            channel.sendall(begun or b"G")
        for channel in dripping:
            channel.sendall(b"x")
        before = time.monotonic()
        assert reply(where.socket).endswith("here")
        assert time.monotonic() - before < READ_LIMIT_S / 2


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\r\nX: ", b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"]
)
def test_a_slow_request_is_ended_by_one_timeout_for_all_of_it(listener: Listener, begun: bytes):
    listener._server.timeout = 0.4
    answered = b""
    with connect(find_home().socket) as channel:
        channel.sendall(begun)
        channel.settimeout(0.1)  # the pause between two bytes
        before = time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):
            while not answered and time.monotonic() - before < 10:
                channel.sendall(b"x")
                with suppress(TimeoutError):
                    answered = channel.recv(100) or b"closed"
    assert answered == b"closed" or b"408" in answered
    assert time.monotonic() - before < 5


def test_a_response_that_is_read_too_slowly_is_aborted(home: Path, wait_until: Callable[..., None]):
    """Its thread must come free again: one limit for all of the answer."""
    app = Flask(__name__)
    app.add_url_rule("/", "much", lambda: "x" * 8_000_000)
    opened = Listener(find_home(), app)
    opened.open()
    try:
        opened._server.ConnectionClass = type("Quick", (TimedConnection,), {"response_limit_s": 0.3})
        with connect(find_home().socket) as channel:
            channel.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert channel.recv(100).startswith(b"HTTP/1.1 200")
            assert opened._server.open_connections == 1
            wait_until(lambda: channel.recv(100) and not opened._server.open_connections, timeout_s=20)
    finally:
        opened.close()


def test_too_many_connections_get_503(listener: Listener):
    where = find_home()
    silent = [connect(where.socket) for _ in range(CONNECTIONS)]
    assert "503" in reply(where.socket)
    for channel in silent:
        channel.close()


def test_connections_that_send_nothing_for_long_are_closed(listener: Listener):
    listener._server.timeout = 0.2
    with connect(find_home().socket) as channel:
        assert channel.recv(1) == b""


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"\r\n\r\n\r\n", "400"),
        (b"nonsense\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 40_000 + b"\r\n\r\n", "413"),
        (b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "414"),
        (b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\nConnection: close\r\n\r\n", "413"),
        (b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "200"),
        (b"\x00\xff\x00\xff" * 100 + b"\r\n\r\n", "400"),
    ],
)  # fmt: skip
def test_malformed_http_gets_an_error_response(listener: Listener, text: bytes, status: str):
    where = find_home()
    assert status in reply(where.socket, text).splitlines()[0]
    assert reply(where.socket).endswith("here")


@pytest.mark.parametrize(("path", "cut"), [("shutdown", 0), ("shutdown", 1), ("shutdown", 17), ("stop", 0)])
def test_a_truncated_body_has_no_effect(start: Starting, path: str, cut: int):
    running, body = start(), b'{"reason": "user"}'
    head = f"POST /api/v1/{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with connect(running.home.socket) as channel:
        channel.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + body[:cut])
        channel.shutdown(socket.SHUT_WR)
        answered = "".join(iter(lambda: channel.recv(4096).decode(), ""))
    assert "cut_short" in answered or "408" in answered or not answered
    assert running.ask("POST", "/api/v1/shutdown", body).status == 202


def test_shutdown_is_answered_within_a_second_beside_fifty_slow_clients(start: Starting):
    running = start()
    stop, polled = threading.Event(), threading.Semaphore(0)

    def watch() -> None:
        while not stop.is_set():
            assert running.ask("GET", "/api/v1/events?after=0").status in (200, 503)
            polled.release()

    watchers = [threading.Thread(target=watch, daemon=True) for _ in range(50)]
    for watcher in watchers:
        watcher.start()
    for _ in range(100):
        assert polled.acquire(timeout=60)
    before = time.monotonic()
    answer = running.ask("POST", "/api/v1/shutdown", {"reason": "user"})
    took = time.monotonic() - before
    stop.set()
    for watcher in watchers:
        watcher.join(20)
    assert answer.status == 202
    assert took < 1.0
