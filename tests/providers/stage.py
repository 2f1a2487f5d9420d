"""One account at one simulated provider, for the conformance suite; the same for every adapter (D17)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from gpushopper import clouds
from gpushopper.core.model.label import HARD_MAX_UNTIL, LABEL_VARIABLE, make_label
from gpushopper.core.model.offer import Offer
from gpushopper.providers import adapter
from gpushopper.providers.base import Created, CreateRequest, OfferList, OfferQuery, Provider
from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.faults.fault_table import Fault
from gpushopper.sandbox.market.actions import launch_foreign
from gpushopper.sandbox.persistence import SandboxState, new_state
from gpushopper.sandbox.requests.app import create_app
from gpushopper.sandbox.timing import SECOND
from tests.credentials import address, credential
from tests.transport import FaultTransport

START = 1_793_300_000 * SECOND
LIMIT_S = 30.0
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zq5v0b2Jb9n8m7l6k5j4h3g2f1d0s9a8p7o6i5u4y"
NAMES = sorted(clouds.known().keys() & BUILT_IN.keys())


_SUPPLY: dict[str, list[Offer]] = {}
"""What can be rented at each cloud, once it was searched: it follows from the seed, which all stages share."""


class StageClock:
    """The market's clock and the adapter's: moved by hand, and by what calls are charged."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wall(self) -> int:
        return START + round(self.seconds * SECOND)

    def monotonic(self) -> float:
        return 1000.0 + self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += max(seconds, 0.0)


@dataclass
class Stage:
    """A market, its faults, and an adapter connected to it."""

    name: str
    clock: StageClock
    world: SandboxState
    transport: FaultTransport
    provider: Provider
    key: str
    made: int = 0
    started: float = 0.0
    offers: list[Offer] = field(default_factory=list)

    def fault(self, call: str, word: str, arg: str | None = None, **more: Any) -> Fault:
        return self.world.faults.add(self.name, call, word, arg, **more)

    def later(self, seconds: float = 60.0) -> None:
        """Let every endpoint be free again and the market move on."""
        self.clock.wait(seconds)

    def label(self) -> str:
        self.made += 1
        return make_label("a" * 10, base64.b32encode(self.made.to_bytes(10, "big")).decode().lower(), HARD_MAX_UNTIL)

    def request(self, **more: Any) -> CreateRequest:
        if not self.offers:
            self.offers = list(_SUPPLY.get(self.name) or self._search())
        label, offer = self.label(), self.offers.pop()
        plain: dict[str, Any] = {
            "offer": offer, "label": label, "image": self.provider.traits.catalogue.default_image,
            "disk_gb": offer.disk_for(20.0), "environment": {LABEL_VARIABLE: label}, "public_key": PUBLIC_KEY,
        }  # fmt: skip
        return CreateRequest(**(plain | more))

    def _search(self) -> list[Offer]:
        found = self.provider.search(OfferQuery(limit=64), LIMIT_S)
        assert isinstance(found, OfferList), found
        # One offer of each host, or type: renting one of several can take the room of the others.
        offers = {offer.host_id or (offer.region, offer.gpu): offer for offer in found.offers}
        _SUPPLY[self.name] = list(offers.values())
        return _SUPPLY[self.name]

    def rent(self) -> str:
        """Create an instance without faults and let it boot."""
        self.later()
        created = self.provider.create(self.request(), 60.0)
        assert isinstance(created, Created), created
        self.later()
        return created.instance_id

    def crowd(self, number: int) -> tuple[str, ...]:
        """Put instances on the account without asking the adapter."""
        market = self.world.market
        made = [launch_foreign(market, self.name, self.label()) for _ in range(number)]
        self.later()
        return tuple(instance.cloud_id for instance in made)

    def exists(self, instance_id: str) -> bool:
        """Ground truth."""
        self.world.market.settle()
        return any(i.cloud_id == instance_id for i in self.world.market.existing_instances())

    @property
    def living(self) -> int:
        self.world.market.settle()
        return len(self.world.market.existing_instances())


def make_stage(name: str, *, gaps: bool = True) -> Stage:
    clock = StageClock()
    world = new_state(clock.wall, seed=1, boot_seconds=4.0)
    world.rate_limiter.enabled = gaps
    key = world.market.keys_of(name)[0]
    app = create_app(world.dialects[name], world.market, world.faults, world.rate_limiter)
    transport = FaultTransport(app, charge=clock.wait)
    return Stage(name, clock, world, transport, connect_to(name, transport, key, clock), key)


def connect_to(name: str, transport: httpx.BaseTransport, key: str, clock: StageClock) -> Provider:
    return adapter(name)(address(name), credential(name, key), clock.monotonic, transport=transport, wait=clock.wait)


def answering(handler: Callable[[httpx.Request], httpx.Response], name: str = "vast", key: str = "k" * 64) -> Provider:
    """An adapter to which hand-written replies are given; time stands still but for its pauses."""
    return connect_to(name, httpx.MockTransport(handler), key, StageClock())
