"""What systemd is told (sd_notify(3)): that the daemon is ready, that its loops turn, that it stops.

Without systemd none of it does anything. The watchdog is fed only while no loop hangs: what is not fed in time is ended
and started again, which costs nothing, where a daemon that hangs keeps no deadline (D16).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, MutableMapping
from contextlib import suppress

import structlog

SOCKET_VARIABLE, LIMIT_VARIABLE, PID_VARIABLE = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
FEEDS_PER_LIMIT = 4
MAX_FEED_S = 60.0

_log = structlog.get_logger(__name__)


class ServiceManager:
    """The manager that has started this process, if there is one. Thread-safe: each message is one datagram."""

    def __init__(self, environ: MutableMapping[str, str], pid: int) -> None:
        """Read where it listens, and take that out of the environment: it is not meant for our child processes."""
        self._address = environ.pop(SOCKET_VARIABLE, "")
        limit, meant = environ.pop(LIMIT_VARIABLE, ""), environ.pop(PID_VARIABLE, "")
        is_ours = bool(self._address) and limit.isdigit() and meant in ("", str(pid))
        self.feed_every_s = min(int(limit) / 1e6 / FEEDS_PER_LIMIT, MAX_FEED_S) if is_ours and int(limit) else None
        """How often the watchdog is to be fed; None where nobody waits for that."""
        self._held_back: list[str] = []

    def ready(self) -> None:
        """Requests are answered."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """The stop has begun."""
        self._tell("STOPPING=1")

    def feed(self, hanging: Callable[[], list[str]]) -> None:
        """Feed the watchdog, unless a loop hangs."""
        found = hanging()
        if found != self._held_back and found:
            _log.error("the watchdog is not fed", hanging=found)
        self._held_back = found
        if not found:
            self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.sendto(text.encode(), address)
