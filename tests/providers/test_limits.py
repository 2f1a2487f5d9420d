"""Limits over real connections: total time, size, and what a reset or refused connection gives (S14, F76, F77)."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from gpushopper.errors import Misconfigured
from gpushopper.providers.api import ApiClient, Call, Failure, RateLimit, Reply, bearer
from gpushopper.providers.api.replies import LARGEST
from gpushopper.providers.api.transport import TimeLimitedTransport, find_proxy
from tests.credentials import api_key

LIMIT_S = 0.6
SLACK_S = 10
"""For a busy machine; what is read here lasts longer, or ends without `timed_out`."""
"""The rule allows one second (I18)."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Play = Callable[[socket.socket, threading.Event], None]


@contextmanager
def serving(play: Play) -> Iterator[str]:
    """A server on loopback that plays one script per connection, each in its thread."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(peer: socket.socket) -> None:
        with peer:
            try:
                peer.recv(65536)
                play(peer, over)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        # Wakes the accepting thread as well; closing alone does not.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def drip(text: bytes, first: bytes = b"", pause: float = 0.02) -> Play:
    """Send a start at once, then a byte at a time: no single read waits for long."""

    def play(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(first)
        for number in range(len(text)):
            peer.sendall(text[number : number + 1])
            if over.wait(pause):
                return

    return play


def ask(url: str, limit_s: float = LIMIT_S, **more: object) -> tuple[Reply | Failure, float]:
    api = ApiClient(url, bearer("k" * 40), {"x": RateLimit(0.0)}, time.monotonic)
    start = time.monotonic()
    try:
        answer = api.send(Call("x", "PUT", "/here", body=more), api.limit(limit_s))
        return answer, time.monotonic() - start
    finally:
        api.close()


@pytest.mark.parametrize(
    "play",
    [
        drip(HEAD + b"X-Long: " + b"y" * 5000),
        drip(b"0123456789" * 1000, HEAD + b"Content-Length: 10000\r\n\r\n"),
        drip(b"1\r\n \r\n" * 1000, HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, pause=0.001),
        lambda peer, over: over.wait(60),
    ],
    ids=["head", "body", "chunks", "informational", "hang"],
)
def test_a_dripped_reply_ends_at_the_total_limit(play: Play):
    with serving(play) as url:
        answer, took = ask(url)
    assert isinstance(answer, Failure) and answer.timed_out and answer.sent
    assert LIMIT_S - 0.05 <= took <= LIMIT_S + SLACK_S


def test_httpx_itself_does_not_end_it():
    """The reason for all this: the same server, the same limit, per phase."""
    with serving(drip(b" " * 70, HEAD + b"Content-Length: 70\r\n\r\n")) as url:
        start = time.monotonic()
        with httpx.Client(timeout=LIMIT_S, trust_env=False) as client:
            client.get(url)
        assert time.monotonic() - start > LIMIT_S * 2


def test_a_request_that_the_server_does_not_read_ends_at_the_time_limit():
    def play(peer: socket.socket, over: threading.Event) -> None:
        over.wait(60)

    with serving(play) as url:
        answer, took = ask(url, filling="x" * 12_000_000)
    assert isinstance(answer, Failure) and answer.timed_out and answer.sent
    assert took <= LIMIT_S + SLACK_S


def test_an_endless_body_ends_at_the_size_limit():
    def play(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(HEAD + b"\r\n")
        while not over.is_set():
            peer.sendall(b" " * 1_000_000)

    with serving(play) as url:
        answer, took = ask(url, limit_s=20)
    assert isinstance(answer, Failure) and "larger" in answer.detail
    assert took < 10


def test_a_small_gzip_body_that_unpacks_to_a_huge_one_is_refused():
    bomb = gzip.compress(b" " * (LARGEST + 1))
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with serving(lambda peer, over: peer.sendall(head + bomb)) as url:
        answer, _ = ask(url, limit_s=10)
    assert isinstance(answer, Failure) and "too large" in answer.detail


def test_a_gzip_reply_is_read():
    packed = gzip.compress(b'{"a": 1}')
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with serving(lambda peer, over: peer.sendall(head + packed)) as url:
        answer, _ = ask(url)
    assert isinstance(answer, Reply) and answer.body == {"a": 1}


@pytest.mark.parametrize("first", [b"", HEAD, HEAD + b"Content-Length: 99\r\n\r\n{"], ids=["before", "head", "body"])
def test_a_reset_is_a_failure_that_may_have_arrived(first: bytes):
    def play(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(first)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(play) as url:
        answer, _ = ask(url)
    assert isinstance(answer, Failure) and answer.sent and not answer.timed_out


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff" * 50, b"HTTP/1.1 abc\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_a_reply_that_is_not_http_is_a_failure(garbage: bytes):
    with serving(lambda peer, over: peer.sendall(garbage)) as url:
        answer, _ = ask(url)
    assert isinstance(answer, Failure) and answer.sent


def test_a_refused_connection_was_never_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer, _ = ask(f"http://127.0.0.1:{port}")
    assert isinstance(answer, Failure) and not answer.sent


def test_an_unknown_host_name_was_never_sent():
    answer, _ = ask("http://" + "a" * 70 + ".localhost:1")
    assert isinstance(answer, Failure) and not answer.sent


def test_a_server_without_tls_never_gets_the_request():
    seen = []

    def play(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(HEAD + b"\r\n{}")
        seen.append(peer.recv(65536))

    with serving(play) as url:
        answer, _ = ask(url.replace("http:", "https:"))
    assert isinstance(answer, Failure) and not answer.sent
    assert b"k" * 40 not in b"".join(seen)


def test_redirects_are_not_followed_and_cookies_not_kept():
    seen = []

    def play(peer: socket.socket, over: threading.Event) -> None:
        head = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: s=1\r\nContent-Length: 0\r\n\r\n"
        while not over.is_set():
            seen.append(1)
            peer.sendall(head)
            if not (request := peer.recv(65536)):
                return
            assert b"ookie" not in request

    with serving(play) as url:
        api = ApiClient(url, bearer("k" * 40), {"x": RateLimit(0.0)}, time.monotonic)
        for number in (1, 2):
            answer = api.send(Call("x", "GET", "/here"), api.limit(5))
            assert isinstance(answer, Reply) and answer.status == 302
            assert len(seen) == number
        api.close()


def test_no_time_left_means_nothing_sent():
    with serving(lambda peer, over: peer.sendall(HEAD + b"\r\n{}")) as url:
        answer, _ = ask(url, limit_s=0.0)
    assert isinstance(answer, Failure) and not answer.sent


def test_a_proxy_is_used_only_for_https_and_only_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    far, near = httpx.URL("https://console.vast.ai"), httpx.URL("http://127.0.0.1:9")
    assert find_proxy(far) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass@proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    proxy = find_proxy(far)
    assert proxy is not None and proxy.url.host == b"proxy.example" and proxy.auth is not None
    assert find_proxy(near) is None
    monkeypatch.setenv("NO_PROXY", "vast.ai")
    assert find_proxy(far) is None
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example:1080")
    assert find_proxy(far) is None


def test_the_environment_cannot_replace_the_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    TimeLimitedTransport(time.monotonic, httpx.URL("https://console.vast.ai")).close()


@pytest.mark.parametrize(
    ("endpoint", "key"),
    [("http://console.vast.ai", "k" * 40), ("ftp://console.vast.ai", "k" * 40), ("console.vast.ai", "k" * 40),
     ("https://u:p@console.vast.ai", "k" * 40), ("https://console.vast.ai", ""), ("https://console.vast.ai", "a\nb"),
     ("https://console.vast.ai", "schl\u00fcssel"), ("https://console.vast.ai", "a b")],
)  # fmt: skip
def test_an_endpoint_or_key_that_would_leak_or_cannot_work_is_refused(endpoint: str, key: str):
    from gpushopper.providers.vast import connect

    with pytest.raises(Misconfigured) as caught:
        connect(endpoint, api_key(key), time.monotonic)
    assert not key or key not in str(caught.value)
