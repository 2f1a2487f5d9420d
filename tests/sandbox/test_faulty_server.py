"""Transport faults over TCP, as a client's socket sees them."""

from __future__ import annotations

import http.client
import json
import socket
import time

import pytest

LIST = "/api/v1/instances/"


def ask(tcp, timeout, method="GET", path=LIST, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", tcp.port, timeout=timeout)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {tcp.key}"})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def fault(tcp, word, arg=None, call="list", **more):
    return tcp.state.faults.add("vast", call, word, arg, **more)


@pytest.mark.parametrize("word", ["reset", "dns", "offline"])
def test_a_reset_is_a_reset(tcp, word):
    fault(tcp, word, count=1)
    with pytest.raises(ConnectionResetError):
        ask(tcp, 5)
    assert ask(tcp, 5)[0] == 200


@pytest.mark.parametrize("word", ["hang", "blackhole"])
def test_a_hang_gives_no_byte(tcp, word):
    fault(tcp, word, count=1)
    with pytest.raises(TimeoutError):
        ask(tcp, 0.3)
    assert ask(tcp, 5)[0] == 200


def test_thirty_hanging_connections_do_not_block_another(tcp):
    fault(tcp, "hang", count=30)
    callers = [socket.create_connection(("127.0.0.1", tcp.port), timeout=5) for _ in range(30)]
    for caller in callers:
        head = f"GET {LIST} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tcp.key}\r\n\r\n"
        caller.sendall(head.encode())
    try:
        while tcp.state.faults.faults[0].acted < 30:
            assert ask(tcp, 5, path="/api/v0/users/current")[0] == 200
        assert ask(tcp, 5)[0] == 200
    finally:
        for caller in callers:
            caller.close()


def test_a_drip_is_a_byte_a_second(tcp):
    fault(tcp, "drip")
    with socket.create_connection(("127.0.0.1", tcp.port), timeout=10) as caller:
        caller.sendall(f"GET {LIST} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tcp.key}\r\n\r\n".encode())
        start, got = time.monotonic(), b""
        while len(got) < 3:
            got += caller.recv(100)
        assert b"HTTP/1.1 200 OK".startswith(got)
        # The first byte may have left before the clock was read; the two after it cannot have.
        assert time.monotonic() - start > 0.9


def test_a_huge_reply_is_valid_json_and_large(tcp):
    fault(tcp, "huge", "3")
    status, body, headers = ask(tcp, 20)
    assert (status, json.loads(body)["instances"]) == (200, [])
    assert 3_000_000 <= len(body) < 3_200_000
    assert "Content-Length" not in headers


def test_a_slow_reply_is_whole_but_late(tcp):
    fault(tcp, "slow", "0.5", count=1)
    with pytest.raises(TimeoutError):
        ask(tcp, 0.2)
    fault(tcp, "slow", "0.2", count=1)
    status, body, _ = ask(tcp, 5)
    assert (status, json.loads(body)["total_instances"]) == (200, 0)


@pytest.mark.parametrize(("word", "error"), [("commit_then_hang", TimeoutError), ("commit_then_reset", OSError)])
def test_a_lost_create_still_rented(tcp, wait_until, word, error):
    offer = tcp.free_offers(1)[0]
    fault(tcp, word, call="create", count=1)
    with pytest.raises(error):
        ask(tcp, 0.5, "PUT", f"/api/v0/asks/{offer}/", json.dumps({"image": "ubuntu", "label": "lost"}))
    wait_until(lambda: [i.label for i in tcp.state.market.existing_instances()] == ["lost"])


@pytest.mark.parametrize("word", [None, "slow"])
def test_the_header_never_reaches_the_client(tcp, word):
    if word:
        fault(tcp, word, "0")
    status, _, headers = ask(tcp, 5)
    assert status == 200
    assert not [name for name in headers if name.lower() == "x-sandbox-transport"]
