"""What every part of the engine works with."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from gpushopper.clock import Clock
from gpushopper.core.admission import Brakes
from gpushopper.core.money import Micros
from gpushopper.core.policy import Policy
from gpushopper.paths import Home
from gpushopper.providers.base import Provider
from gpushopper.remote.remote import Remote
from gpushopper.store.db import Store
from gpushopper.store.installation import Installation, Verdict


@dataclass(frozen=True, slots=True)
class AccountSetup:
    """One provider as configured. Without a `connection`, `key_problem` says why (missing, refused ...).

    `is_local` is true where the endpoint is a literal loopback address.
    """

    provider: str
    connection: Provider | None
    key_problem: str
    key_source: str
    endpoint: str
    is_local: bool = False


def random_id(length: int = 16) -> str:
    """Lower-case base32, five random bits a character: 16 of them make the 80 bits of a label (F109)."""
    return base64.b32encode(secrets.token_bytes(length)).decode().lower()[:length]


@dataclass(slots=True)
class Context:
    """The engine's surroundings, all injected."""

    store: Store
    clock: Clock
    policy: Policy
    brakes: Brakes
    installation: Installation
    home: Home
    new_id: Callable[[int], str] = field(default=random_id)
    balances: dict[str, Micros] = field(default_factory=dict)
    """Spendable money by provider, as last told."""
    pause: Callable[[float], object] = field(default_factory=lambda: threading.Event().wait)
    """Waits on a caller's own thread, never on the engine's."""

    remote: Remote | None = None
    """The ssh side; None where there is none, in simulations."""

    @property
    def may_spend(self) -> bool:
        """False in a copied home: no create, no adoption, no sweep until a person decides (S10)."""
        return self.installation.verdict is not Verdict.MOVED
