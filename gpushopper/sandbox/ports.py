"""Chooses the TCP port of a dialect, so that the same port can be bound again after a restart or a kill."""

from __future__ import annotations

import socket
from pathlib import Path
from random import SystemRandom

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _LAST = 20_000, 32_767
"""Below the ephemeral ports of Linux, so that no outgoing connection takes the port while the sandbox is stopped."""
_TRIES = 50


def choose_port() -> int:
    """Return a free port on loopback, outside the range of outgoing connections.

    Port 0 will not do: the server does not set SO_REUSEADDR there, and the closed connections of a killed sandbox
    would then block its port for a minute.
    """
    numbers = range(_FIRST, max(min(_LAST + 1, _first_ephemeral()), _FIRST + 1))
    rng = SystemRandom()
    for _ in range(_TRIES):
        port = rng.choice(numbers)
        if is_free(port):
            return port
    with socket.socket() as sample:
        sample.bind(("127.0.0.1", 0))
        return int(sample.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server can be bound to the port now, closed connections of an earlier one aside."""
    with socket.socket() as sample:
        sample.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sample.bind(("127.0.0.1", port))
            sample.listen(1)
        except OSError:
            return False
    return True


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _LAST + 1
