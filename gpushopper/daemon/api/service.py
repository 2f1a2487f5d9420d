"""Service: what the routes of the local API work with, and how many requests may wait at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from gpushopper.clock import Clock
from gpushopper.daemon.metrics.exposition import Exposition
from gpushopper.daemon.periodic_jobs import Schedule
from gpushopper.daemon.supervision.loops import Loops
from gpushopper.errors import ShopperError
from gpushopper.paths import Home

if TYPE_CHECKING:
    from gpushopper.engine.context import AccountSetup
from gpushopper.engine.alerts.dispatch import AlertDispatch
from gpushopper.engine.requests.engine_handle import EngineHandle

SLOW_AT_ONCE = 4
"""Requests that may wait for a provider at the same time; the other threads stay free for `shutdown`."""
SLOW_OF_MEMBERS = 3
"""The same, for all members of a lab server together."""
LOGINS_AT_ONCE = 2
"""Provision requests that may wait for a keyring at the same time, beside the searches."""


class Keys(Protocol):
    """What the API needs of the accounts' keys."""

    def setup(self, name: str) -> AccountSetup: ...
    def keyless(self) -> list[str]: ...
    def held(self) -> list[str]: ...
    def keyless_header(self) -> list[str]: ...
    def on_client_contact(self) -> None: ...
    def reload(self) -> None: ...


@dataclass(slots=True)
class Service:
    """The running daemon, as its API sees it."""

    handle: EngineHandle
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
    alerts: AlertDispatch
    loops: Loops
    metrics: Exposition
    request_stop: Callable[[], None]
    metrics_problem: Callable[[], str] = lambda: ""
    """Why metrics are not served on the port that is set; empty where they are."""
    members_socket: str = ""
    """Where the members of a lab server connect; empty where no group is set."""
    members_problem: Callable[[], str] = lambda: ""
    """Why the members of a lab server cannot connect; empty where they can, or no group is set."""
    slow: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(SLOW_AT_ONCE))
    logins: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(LOGINS_AT_ONCE))


def for_members(service: Service) -> Service:
    """The same for a lab's members, who wait for clouds in places of their own: they never take the owner's."""
    slow, logins = threading.BoundedSemaphore(SLOW_OF_MEMBERS), threading.BoundedSemaphore(1)
    return replace(service, slow=slow, logins=logins)


class Busy(ShopperError):
    """Too many requests of a slow kind at once."""

    code = "busy"
