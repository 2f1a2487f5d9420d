"""Two stand-in clouds on one engine and simulated time: each answers when, and what, a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gpushopper.core.cloud import Traits
from gpushopper.core.model.offer import Offer
from gpushopper.core.policy import PAPER
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.engine import Engine
from gpushopper.engine.executor import ThreadExecutor
from gpushopper.paths import Home
from gpushopper.providers.base import OfferList, OfferQuery, ReadFailed
from gpushopper.providers.vast import TRAITS as VAST
from gpushopper.store.database import Store
from gpushopper.store.installation import check
from tests.core.samples import offer
from tests.new_database import lay_down
from tests.sim.requests import Requests
from tests.sim.simulated_calls import SimCalls
from tests.sim.world import SimClock
from tests.transport import FaultTransport

Answer = OfferList | ReadFailed


def make_offer(cloud: str, number: int, rate: int, **more: Any) -> Offer:
    """One RTX 4090 with free storage."""
    facts: dict[str, Any] = {"gpu_count": 1, "storage_gb_month": 0, "host_id": f"h{number}", **more}
    return offer(provider=cloud, offer_id=str(number), gpu_rate=rate, **facts)


@dataclass
class StandIn:
    """A cloud. `search_s` is how long a search takes; `obeys`: whether it ends at its limit, as an adapter must."""

    traits: Traits
    wait: Callable[[float], None]
    offers: tuple[Offer, ...] = ()
    search_s: float = 1.0
    obeys: bool = True
    fails: ReadFailed | Exception | None = None
    names: tuple[str, ...] = ("RTX 4090",)
    asked: list[OfferQuery] = field(default_factory=list)
    unknown_fields: Mapping[str, int] = field(default_factory=dict)
    guard_recipe: None = None

    def gpu_names(self, limit_s: float) -> tuple[str, ...] | ReadFailed:
        return self.names

    def search(self, search: OfferQuery, limit_s: float) -> Answer:
        self.asked.append(search)
        self.wait(min(self.search_s, limit_s) if self.obeys else self.search_s)
        if isinstance(self.fails, Exception):
            raise self.fails
        return self.fails or OfferList(self.offers, True, None)

    def available_at(self, endpoint: object) -> float:
        return 0.0

    def add_redactions(self, texts: object) -> None: ...

    def close(self) -> None: ...


class TwoClouds:
    """Accounts `a` and `b` with a key, `c` without one. Nothing steps the engine: requests only ask."""

    def __init__(self, folder: Path, *, c_is_named: bool = False) -> None:
        self.clock = SimClock()
        self.transport = FaultTransport(None)
        self.clock.pending = lambda: self.transport.charged_s
        home = Home(data=folder, config=folder)
        lay_down(home.database)
        self.store = Store.open(home.database, now_wall=self.clock.now().wall)
        self.ctx = Context(
            self.store, self.clock, PAPER, SpendingLimits(), check(home, self.store, machine_id="sim"), home,
            pause=self.transport.wait,
        )  # fmt: skip
        self.a, self.b = (self._cloud(name) for name in "ab")
        self.a.offers = (make_offer("a", 1, 500_000), make_offer("a", 2, 600_000))
        self.b.offers = (make_offer("b", 1, 400_000), make_offer("b", 2, 700_000))
        self.calls = SimCalls(self.transport, self.clock.monotonic)
        self.setups = {
            "a": AccountSetup("a", self.a, "", "test", "http://127.0.0.1:9", is_local=True),
            "b": AccountSetup("b", self.b, "", "test", "http://127.0.0.1:10", is_local=True),
            "c": AccountSetup("c", None, "no key", "", "", False, "missing", "set one", is_named=c_is_named),
        }
        self.executor = ThreadExecutor()
        self.engine = Engine(self.ctx, self.executor, list(self.setups.values()), self.calls)
        self.requests = Requests(self.engine.handle)

    def _cloud(self, name: str) -> StandIn:
        return StandIn(replace(VAST, name=name), self.transport.wait)

    def change(self, name: str, **more: Any) -> None:
        """Another setup of an account, as a new key makes."""
        reconciler = self.engine.reconcilers[name]
        reconciler.setup = replace(reconciler.setup, **more)

    def took(self, request: Callable[[], Any]) -> tuple[Any, float]:
        """What a request answers, and after how many seconds."""
        began = self.clock.monotonic()
        found = request()
        return found, round(self.clock.monotonic() - began, 3)

    def later(self, seconds: float) -> None:
        self.clock.t += us(seconds)

    def close(self) -> None:
        self.executor.close()
        self.store.close()
