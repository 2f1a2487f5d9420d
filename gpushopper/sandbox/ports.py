"""TCP ports that can be kept: one chosen now can be bound again after the process was killed."""

from __future__ import annotations

import socket
from pathlib import Path
from random import SystemRandom

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _LAST = 20_000, 32_767
"""Below what Linux hands out by itself, so that no outgoing connection takes the port while the market is away."""
_TRIES = 50


def choose_port() -> int:
    """Return a port on loopback that nobody listens on, outside the range of outgoing connections.

    Binding to port 0 would not do: the server leaves SO_REUSEADDR out there, and then the closed connections of a
    killed market keep its port for a minute.
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
