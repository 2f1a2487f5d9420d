"""What tests/conftest.py promises: no network beyond loopback, a short home of one's own, no outside keys."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_a_connection_beyond_loopback_is_refused(host: str):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    refused = pytest.raises(pytest.fail.Exception, match="network refused")
    with socket.socket(family, socket.SOCK_DGRAM) as peer, refused:
        peer.connect((host, 9))


def test_a_name_is_not_even_looked_up():
    with pytest.raises(pytest.fail.Exception, match="network refused"):
        socket.create_connection(("example.invalid", 443), timeout=1)


def test_loopback_and_unix_sockets_work(home: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()
    left, right = socket.socketpair(socket.AF_UNIX)
    left.close()
    right.close()


def test_a_daemon_socket_fits_into_the_home(home: Path):
    assert len(str(home / "run" / "daemon.sock")) <= 100
    assert os.environ["GPU_SHOPPER_HOME"] == str(home)
    assert Path.home() == home.parent


def test_no_key_comes_in_from_outside():
    assert not [name for name in os.environ if name.upper().endswith("_API_KEY")]
