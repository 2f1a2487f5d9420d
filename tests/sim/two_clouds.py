"""Two clouds on one market: Vast, and one that speaks alike and differs in its traits, numbers and offers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gpushopper import wire
from gpushopper.core.cloud import PlantingMethod, Traits
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.context import AccountSetup
from gpushopper.providers import adapter
from gpushopper.providers.base import OfferList, OfferQuery, Provider, ReadFailed
from gpushopper.sandbox.dialects import BUILT_IN
from tests.credentials import api_key
from tests.sim.world import FIRST_PORT, World

OTHER = "beta"
SECOND = replace(BUILT_IN["vast"], name=OTHER, first_account=6001, first_host=900_000, first_instance=900_000_000)
DIALECTS = {"vast": BUILT_IN["vast"], OTHER: SECOND}


class Client:
    """The adapter of Vast, with the traits of another cloud."""

    def __init__(self, real: Provider, traits: Traits) -> None:
        self.real = real
        self.traits = traits

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def search(self, query: OfferQuery, limit_s: float) -> OfferList | ReadFailed:
        found = self.real.search(query, limit_s)
        if isinstance(found, ReadFailed):
            return found
        return replace(found, offers=tuple(replace(offer, provider=self.traits.name) for offer in found.offers))


class TwoClouds(World):
    """One account at each of `vast` and `beta`."""

    def __init__(self, folder: Path, *, default_image: str = "ubuntu:24.04", **more: Any) -> None:
        self.other_traits: dict[str, Any] = {}
        """Traits of `beta` that are not Vast's."""
        self.default_image = default_image
        super().__init__(folder, clouds=("vast", OTHER), dialects=DIALECTS, **more)

    def method_at(self, name: str) -> PlantingMethod:
        return PlantingMethod.ONSTART

    def setup(self, name: str) -> AccountSetup:
        transport = self.executor.transport
        endpoint = f"http://127.0.0.1:{FIRST_PORT + self.clouds.index(name)}"
        client: Any = adapter("vast")(
            endpoint, api_key(self.keys[name]), self.clock.monotonic, transport=transport, wait=transport.wait
        )
        if name == OTHER:
            catalogue = replace(client.traits.catalogue, default_image=self.default_image)
            traits = replace(client.traits, name=OTHER, catalogue=catalogue)
            client = Client(client, replace(traits, **self.other_traits))
        return AccountSetup(name, client, "", "test", endpoint, is_local=True)

    def plan(self, gpu: str = "RTX 4090", **more: Any) -> wire.Plan:
        search = wire.SearchRequest(gpu=gpu, max_rate=more.pop("max_rate", None), provider=more.pop("provider", None))
        found = self.requests.plan(wire.PlanRequest(search=search, duration_us=us(7200), **more))
        self.executor.transport.charged_s = 0.0
        return found

    def shortlist(self, *clouds: str) -> list[wire.OfferView]:
        """One offer of each of these clouds in turn, all within any cap."""
        found = {name: self.plan(provider=name, retries=10).offers for name in dict.fromkeys(clouds)}
        return [found[name].pop(0) for name in clouds]

    def rent(self, offers: list[wire.OfferView], **more: Any) -> str:
        # As of a plan made now: some of these stories take their offers before a cloud goes dark.
        fresh = [replace(offer, seen_at=self.clock.now().wall) for offer in offers]
        request = wire.ProvisionRequest(offers=fresh, **{"disk_gb": 20, "duration_us": us(7200), **more})
        return self.requests.provision(request).sessions[0]

    def created_at(self) -> list[str]:
        """The clouds that were asked to create, in order, once for each create."""
        return [each.provider for each in self.market.creates]

    def events(self, kind: str) -> list[str]:
        return [each.text for each in self.requests.events(0, 2000).events if each.kind == kind]
