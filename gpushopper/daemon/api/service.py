"""What the API routes need of the running daemon, and how many slow requests may wait at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from gpushopper.clock import Clock
from gpushopper.daemon.periodic_jobs import Schedule
from gpushopper.errors import ShopperError
from gpushopper.paths import Home

if TYPE_CHECKING:
    from gpushopper.engine.engine import Engine

SLOW_AT_ONCE = 4
"""Requests that may wait for a provider at the same time; the other threads stay free, e.g. for `shutdown`."""
LOGINS_AT_ONCE = 2
"""Rentals that may wait for a keyring at the same time; searches do not take these slots."""


class Keys(Protocol):
    """What the API needs of the accounts' keys."""

    def keyless(self) -> list[str]: ...
    def on_client_contact(self) -> None: ...
    def reload(self) -> None: ...


@dataclass(slots=True)
class Service:
    """The running daemon, as its API sees it."""

    engine: Engine
    clock: Clock
    home: Home
    version: str
    pid: int
    uid: int
    started_at: int
    installation: str
    policy: str
    schedule: Schedule
    keys: Keys
    request_stop: Callable[[], None]
    slow: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(SLOW_AT_ONCE))
    logins: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(LOGINS_AT_ONCE))


class Busy(ShopperError):
    """Too many slow requests at once; the client retries."""

    code = "busy"
