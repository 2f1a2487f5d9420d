"""The client against a hand-written peer that misbehaves on the socket: retries, timeouts, restarts."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from gpushopper import __version__, client, errors, wire
from gpushopper.client import Client, JsonObject, _keyless
from gpushopper.client.busy_retry import NOTICE_AFTER_S, BusyRetry
from gpushopper.client.http_exchange import exchange
from gpushopper.paths import Home

Talk = Callable[[socket.socket, bytes], None]


def reply(body: object, *, status: int = 200, version: str = __version__) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\n{wire.VERSION_HEADER}: {version}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


class Peer:
    """Answers each connection with the next script; the last one stays."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        self.scripts: list[bytes | Talk] = []
        self.requests: list[bytes] = []
        self.ended = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                channel, _ = self.listener.accept()
            except OSError:
                return
            with channel:
                request = channel.recv(65536)
                if not request:
                    return
                self.requests.append(request)
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                with suppress(OSError):  # the client may have left
                    if callable(script):
                        script(channel, request)
                    else:
                        channel.sendall(script)

    def close(self) -> None:
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def header(self, place: int, name: str) -> str:
        lines = self.requests[place].decode().split("\r\n")
        return next(line.partition(": ")[2] for line in lines if line.startswith(f"{name}:"))


@pytest.fixture
def folder(home: Path) -> Home:
    return Home(data=home, config=home)


@pytest.fixture
def peer(folder: Home) -> Iterator[Peer]:
    made = Peer(folder.socket)
    yield made
    made.close()


def test_protocol_and_header_names_are_those_of_wire():
    for name in ("PROTOCOL", "VERSION_HEADER", "REQUEST_HEADER", "IDEMPOTENCY_HEADER", "KEYLESS_HEADER"):
        assert getattr(client, name) == getattr(wire, name)


def test_no_field_of_a_response_is_shadowed_by_a_method_of_dict():
    classes = [
        cls for cls in (getattr(wire, name) for name in wire.__all__) if isinstance(cls, type) and is_dataclass(cls)
    ]
    assert {f.name for cls in classes for f in fields(cls)} & set(dir(JsonObject)) == set()


def test_a_response_sent_before_the_request_was_read_is_received(folder: Home):
    """The daemon turns away whoever comes when it is full; taken for silence, it would be started a second time."""
    error = {"code": "busy", "message": "too many connections", "hint": "", "request_id": "", "exit": 1}
    folder.run.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder.socket))
        listener.listen()

        def turn_away() -> None:
            channel, _ = listener.accept()
            with channel:
                channel.sendall(reply({"error": error}, status=503))

        thread = threading.Thread(target=turn_away)
        thread.start()
        # Larger than what the system keeps for a reader: it is still being sent when the other end closes.
        answer = exchange(str(folder.socket), "POST", "/", {}, b"x" * 4_000_000, 20)
        thread.join()
    assert answer.status == 503 and b"too many connections" in answer.content


BUSY = {"code": "busy", "message": "too many searches at once", "hint": "Try again.", "request_id": "", "exit": 1}


@pytest.mark.parametrize("full", [reply({"error": BUSY}, status=503), reply(b"too slow", status=408)])
def test_a_busy_daemon_is_retried_with_the_same_idempotency_key(folder: Home, peer: Peer, full: bytes):
    peer.scripts = [full, full, full, reply({"sessions": [], "event": 7, "text": ""}, status=202)]
    assert Client(folder).shutdown("user").event == 7
    keys = {peer.header(place, wire.IDEMPOTENCY_HEADER) for place in range(len(peer.requests))}
    assert (len(peer.requests), len(keys)) == (4, 1)


def test_a_full_listen_queue_neither_means_no_daemon_nor_starts_one(folder: Home):
    """The listen queue is full: a command waits, for a while."""
    folder.run.mkdir(parents=True, mode=0o700)
    starts: list[str] = []
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as crowd:
        listener.bind(str(folder.socket))
        listener.listen(0)
        with suppress(BlockingIOError):
            while True:
                knocking = crowd.enter_context(socket.socket(socket.AF_UNIX))
                knocking.setblocking(False)
                knocking.connect(str(folder.socket))
        asked = Client(folder, starts.append)
        assert asked.is_up()
        with pytest.raises(errors.DaemonUnreachable, match="too many commands use"):
            asked._request("GET", "status", limit_s=0.3)
    assert starts == []


def test_a_daemon_that_stays_busy_is_busy_in_the_end(folder: Home, peer: Peer):
    peer.scripts = [reply({"error": BUSY}, status=503)]
    asked = Client(folder)
    with pytest.raises(errors.ShopperError) as caught:
        asked._request("GET", "status", limit_s=0.3)
    assert (caught.value.code, caught.value.exit_code) == ("busy", 1)
    assert len(peer.requests) >= 2


def test_a_busy_retry_is_bounded_backs_off_and_is_mentioned_once():
    told: list[str] = []
    retry = BusyRetry(0.35, lambda: told.append("waiting"))
    retry._began -= NOTICE_AFTER_S + 0.1
    retry._limit_s += NOTICE_AFTER_S + 0.1
    before, waits = time.monotonic(), 0
    while retry.wait():
        waits += 1
    assert 0.3 < time.monotonic() - before < 3
    assert 2 <= waits <= 7
    assert told == ["waiting"]


def test_a_busy_daemon_is_up(folder: Home, peer: Peer):
    peer.scripts = [reply({"error": BUSY}, status=503)]
    assert Client(folder).is_up()
    assert len(peer.requests) == 1


def test_a_response_reads_as_attributes(folder: Home, peer: Peer):
    peer.scripts = [reply({"sessions": [{"name": "train", "attempts": [{"state": "gone"}]}]})]
    found = Client(folder).sessions(only_open=True).sessions
    assert (found[0].name, found[0].attempts[0].state) == ("train", "gone")
    assert peer.requests[0].startswith(b"GET /api/v1/sessions?open=1 HTTP/1.0\r\n")


def test_session_names_are_percent_encoded_in_the_path(folder: Home, peer: Peer):
    peer.scripts = [reply({"name": "x"})]
    Client(folder).session("../stop?a=1 b")
    assert peer.requests[0].startswith(b"GET /api/v1/sessions/..%2Fstop%3Fa%3D1%20b HTTP/1.0\r\n")


def test_errors_of_the_daemon_are_raised_as_their_class(folder: Home, peer: Peer):
    error = {"code": "account_not_ready", "message": "wait", "hint": "a little", "request_id": "1", "exit": 6}
    peer.scripts = [reply({"error": error}, status=503)]
    with pytest.raises(errors.NotReady) as caught:
        Client(folder).status()
    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == ("wait", "a little", 6)


def test_a_daemon_killed_at_any_byte_is_restarted_and_retried_with_the_same_key(folder: Home, peer: Peer):
    whole = reply({"sessions": ["s"], "event": 7, "text": ""}, status=202)
    starts: list[str] = []
    for cut in (0, 1, 20, whole.index(b"\r\n\r\n"), len(whole) - 1):
        peer.requests.clear()
        peer.scripts = [whole[:cut], whole]
        accepted = Client(folder, start=starts.append).done("train", "user")
        assert accepted.event == 7
        assert len(peer.requests) == 2
        assert peer.header(0, wire.IDEMPOTENCY_HEADER) == peer.header(1, wire.IDEMPOTENCY_HEADER)
    assert len(starts) == 5


def test_two_calls_have_two_idempotency_keys(folder: Home, peer: Peer):
    peer.scripts = [reply({"sessions": [], "event": 1})]
    Client(folder).done("a", "user")
    Client(folder).done("a", "user")
    assert peer.header(0, wire.IDEMPOTENCY_HEADER) != peer.header(1, wire.IDEMPOTENCY_HEADER)


def test_a_daemon_that_does_not_stay_up_is_started_three_times(folder: Home):
    starts: list[str] = []
    with pytest.raises(errors.DaemonUnreachable):
        Client(folder, start=starts.append).status()
    assert starts == ["", "again", "again"]


def test_without_a_starter_an_absent_daemon_is_an_error(folder: Home):
    with pytest.raises(errors.DaemonUnreachable) as caught:
        Client(folder).status()
    assert "daemon start" in caught.value.hint
    assert not Client(folder).is_up()


def test_a_slow_response_does_not_extend_the_timeout(folder: Home, peer: Peer, monkeypatch: pytest.MonkeyPatch):
    def drip(channel: socket.socket, request: bytes) -> None:
        for byte in reply({"a": "b" * 5000}):
            if peer.ended.wait(0.02):
                return
            channel.sendall(bytes([byte]))

    peer.scripts = [drip]
    monkeypatch.setattr(client, "READ_LIMIT_S", 0.3)
    with pytest.raises(errors.DaemonUnreachable, match="did not answer"):
        Client(folder, start=lambda why: pytest.fail("a slow daemon is not restarted"))._request(
            "GET", "status", limit_s=0.3
        )


def test_a_response_beyond_the_size_limit_is_refused(folder: Home, peer: Peer):
    peer.scripts = [reply(b"x" * 400_000)]
    with pytest.raises(errors.ShopperError, match="larger than the limit"):
        exchange(str(folder.socket), "GET", "/", {}, None, 20, size_limit=100_000)


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b"\xff"])
def test_a_response_that_is_no_json_object_is_an_error(folder: Home, peer: Peer, content: bytes):
    peer.scripts = [reply(content)]
    with pytest.raises(errors.ShopperError):
        Client(folder).status()


def test_an_older_daemon_is_restarted_once_and_retried(folder: Home, peer: Peer):
    peer.scripts = [reply({"pid": 1}, version="0.0.9"), reply({"pid": 2})]
    why: list[str] = []
    assert Client(folder, restart=why.append).status().pid == 2
    assert why == [f"it is version 0.0.9, this is {__version__}"]


BUSY_AND_OLD = reply({"in_progress": ["demo is being created"]}, version="0.0.9")


def test_an_older_daemon_in_the_middle_of_something_is_used_and_replaced_later(folder: Home, peer: Peer):
    peer.scripts = [reply({"pid": 1}, version="0.0.9"), BUSY_AND_OLD]
    told: list[str] = []
    asked = Client(folder, restart=pytest.fail, on_older=told.append)
    assert asked.status().pid == 1
    peer.scripts = [reply({"pid": 1}, version="0.0.9"), BUSY_AND_OLD]
    assert asked.status().pid == 1
    assert told == ["the daemon is version 0.0.9 and is replaced later: demo is being created"]
    why: list[str] = []
    peer.scripts = [reply({"pid": 1}, version="0.0.9"), reply({"in_progress": []}, version="0.0.9"), reply({"pid": 2})]
    assert Client(folder, restart=why.append).status().pid == 2 and len(why) == 1


@pytest.mark.parametrize(("status", "code"), [(400, "bad_request"), (404, "no_such_path"), (405, "no_such_method")])
def test_what_an_older_daemon_does_not_know_is_not_called_malformed(folder: Home, peer: Peer, status: int, code: str):
    error = {"code": code, "message": "zebra: unexpected", "hint": "", "request_id": "", "exit": 2}
    peer.scripts = [reply({"error": error}, status=status, version="0.0.9"), BUSY_AND_OLD]
    with pytest.raises(errors.DaemonUnreachable, match="does not know this request") as caught:
        Client(folder, restart=pytest.fail).status()
    assert "daemon restart" in caught.value.hint
    peer.scripts = [reply({"error": error}, status=status)]
    with pytest.raises(errors.UsageError, match="zebra"):
        Client(folder, restart=pytest.fail).status()
    missing = {**error, "code": "session_not_found", "exit": 3}
    peer.scripts = [reply({"error": missing}, status=404, version="0.0.9"), BUSY_AND_OLD]
    with pytest.raises(errors.NotFound):
        Client(folder, restart=pytest.fail).status()


def test_a_newer_daemon_with_the_same_protocol_is_used(folder: Home, peer: Peer):
    peer.scripts = [reply({"pid": 1}, version="99.0"), reply({"protocol": wire.PROTOCOL}, version="99.0")]
    assert Client(folder, restart=pytest.fail).status().pid == 1


def test_a_newer_protocol_is_refused_in_one_line(folder: Home, peer: Peer):
    peer.scripts = [reply({"protocol": wire.PROTOCOL + 1}, version="99.0")]
    with pytest.raises(errors.DaemonUnreachable, match="cannot read its responses"):
        Client(folder, start=lambda why: None, restart=pytest.fail).status()


def test_a_folder_that_others_may_write_is_refused(folder: Home, peer: Peer):
    peer.scripts = [reply({})]
    os.chmod(folder.run, 0o777)
    with pytest.raises(errors.Misconfigured):
        Client(folder, start=lambda why: pytest.fail("not started either")).status()
    assert peer.requests == []


def test_a_folder_behind_a_link_is_refused(folder: Home, tmp_path: Path):
    folder.data.mkdir(parents=True)
    folder.run.symlink_to(tmp_path)
    (tmp_path / "daemon.sock").touch()
    with pytest.raises(errors.Misconfigured):
        Client(folder).status()


def test_a_file_in_the_socket_s_place_is_refused(folder: Home):
    folder.run.mkdir(parents=True, mode=0o700)
    folder.socket.touch()
    with pytest.raises(errors.Misconfigured):
        Client(folder).status()


def test_a_long_path_is_refused_before_anything_is_started(home: Path):
    deep = home / ("x" * 100)
    with pytest.raises(errors.Misconfigured, match="longer than 100 bytes"):
        Client(Home(data=deep, config=deep), start=lambda why: pytest.fail("started")).status()


@pytest.mark.parametrize(
    ("header", "lacking"),
    [
        ("", []),
        ("vast", ["vast"]),
        ("vast,toy=TOY_ID+TOY_TOKEN", ["vast"]),
        ("toy=NOT_SET+HOME", ["toy"]),
        ("toy=NOT_SET", []),
    ],
)
def test_an_unused_cloud_is_looked_for_only_where_one_of_its_variables_is_set(header: str, lacking: list[str]):
    assert _keyless(header) == lacking
