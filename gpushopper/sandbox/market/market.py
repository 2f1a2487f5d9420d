"""The simulated market: what exists, settled to the present instant before anybody looks."""

from __future__ import annotations

import threading
from random import Random

from gpushopper.sandbox.market import billing, lifecycle
from gpushopper.sandbox.market.catalogue import Supply, grow_supply
from gpushopper.sandbox.market.model import (
    Account,
    Arrival,
    CreateSeen,
    DestroySeen,
    Instance,
    Key,
    Offer,
    Order,
    Phase,
)
from gpushopper.sandbox.market.registry import make_registry
from gpushopper.sandbox.timing import DAY, Clock

FIRST_CREDIT = 100_000_000
_FIRST_INSTANCE = 33_400_000


class OfferGone(Exception):
    """The offer is unknown, taken, or its host has too few free GPUs left."""


class NoCredit(Exception):
    """The account has no positive credit (vastai.md 15)."""


class Market:
    """Hosts, offers, accounts and instances of every provider, on one clock.

    Everything derives from `seed` and from what was asked, so a saved market continues exactly.
    Callers hold `lock` for one request at a time and call `settle` first.
    """

    def __init__(self, clock: Clock, *, seed: int = 1, boot_seconds: float = 4.0) -> None:
        self.clock = clock
        self.seed = seed
        self.registry = make_registry(seed)
        self.boot_seconds = boot_seconds
        self.lock = threading.RLock()
        self.born_at = clock()
        self.changes = 0
        self.live = False
        self.supply: dict[str, Supply] = {}
        self.accounts: dict[int, Account] = {}
        self.keys: dict[str, Key] = {}
        self.instances: dict[int, Instance] = {}
        self.moving: dict[int, Instance] = {}  # all but those gone for good: what a pass has to look at
        self.arrivals: list[Arrival] = []
        self.creates: list[CreateSeen] = []
        self.destroys: list[DestroySeen] = []
        self.offline_hosts: dict[int, int | None] = {}
        self.open_provider("vast", 7001)

    # Setting up

    def open_provider(self, provider: str, first_account: int) -> None:
        """Stock a provider and open two accounts with a key each; the second is the wrong one (F45)."""
        self.supply[provider] = grow_supply(provider, self.seed)
        dice = Random(f"keys:{provider}:{self.seed}")
        for number, name in enumerate(("team", "other")):
            account = Account(provider, first_account + number, name, FIRST_CREDIT)
            self.accounts[account.id] = account
            self.add_key(account.id, f"{dice.getrandbits(256):064x}")

    def add_key(self, account_id: int, secret: str, *, scopes: list[str] | None = None) -> Key:
        """Give an account one more key."""
        key = Key(secret, 812_345 + len(self.keys), account_id, scopes=scopes)
        self.keys[secret] = key
        self.changes += 1
        return key

    def keys_of(self, provider: str) -> list[str]:
        """Return the secrets of a provider's first account, then of its others."""
        return [key.secret for key in self.keys.values() if self.accounts[key.account_id].provider == provider]

    # Looking

    def now(self) -> int:
        """Return the market's time in UTC microseconds."""
        return self.clock()

    def present(self, account_id: int | None = None) -> list[Instance]:
        """Return the instances that exist, ascending by id, of one account or of all."""
        return [i for i in self.moving.values() if i.is_there and account_id in (None, i.account_id)]

    def find(self, instance_id: int, account_id: int) -> Instance | None:
        """Return an account's existing instance; None for unknown, gone and other accounts' ones."""
        instance = self.instances.get(instance_id)
        return instance if instance and instance.is_there and instance.account_id == account_id else None

    def offer_of(self, instance: Instance) -> Offer:
        """Return the offer an instance was rented from."""
        return self.supply[instance.provider].offers[instance.order.offer_id]

    def taken(self, provider: str) -> tuple[set[int], dict[int, int]]:
        """Return the ids of consumed offers, and the GPUs in use by host id."""
        offers: set[int] = set()
        in_use: dict[int, int] = {}
        for instance in self.moving.values():
            if instance.provider != provider or not (instance.is_there or instance.return_at):
                continue
            offer = self.offer_of(instance)
            offers.add(offer.id)
            if instance.phase is not Phase.STOPPED:  # a stopped instance gives its GPUs back (vastai.md 6)
                in_use[offer.host.id] = in_use.get(offer.host.id, 0) + offer.gpu_count
        return offers, in_use

    def is_free(self, offer: Offer) -> bool:
        """Whether the offer can be rented now."""
        offers, in_use = self.taken(offer.provider)
        return offer.id not in offers and self.has_room(offer, in_use)

    def has_room(self, offer: Offer, in_use: dict[int, int]) -> bool:
        """Whether the host is reachable and has enough GPUs that nobody uses."""
        host = offer.host
        return host.id not in self.offline_hosts and host.gpu_count - in_use.get(host.id, 0) >= offer.gpu_count

    def contract_end(self, offer: Offer) -> int:
        """Return when a contract made now would end; hosts renew their term a day before it is over."""
        term = offer.host.term_days * DAY
        terms = (self.now() - self.born_at + DAY) // term + 1
        return self.born_at + terms * term

    # Time

    def settle(self) -> None:
        """Bring everything to the present: events in their order, billing in between."""
        now = self.now()
        self.moving = {i.id: i for i in self.moving.values() if i.is_there or i.return_at is not None}
        while (due := self._next_due(now)) is not None:
            self._bill_all(due)
            self._apply_due(due)
        self._bill_all(now)
        for host_id in [h for h, until in self.offline_hosts.items() if until is not None and until <= now]:
            del self.offline_hosts[host_id]

    def _next_due(self, now: int) -> int | None:
        times = [arrival.at for arrival in self.arrivals]
        times += [at for i in self.moving.values() if (at := lifecycle.next_event(i)) is not None]
        present = self.present()
        for account in self.accounts.values():
            since = max((i.billed_to for i in present if i.account_id == account.id), default=now)
            if (at := billing.broke_at(account, present, since)) is not None:
                times.append(at)
        due = min(times, default=now + 1)
        return due if due <= now else None

    def _bill_all(self, to: int) -> None:
        for instance in self.moving.values():
            if instance.is_there:
                self.bill(instance, to)

    def bill(self, instance: Instance, to: int) -> None:
        """Charge an instance's account for its present phase up to an instant."""
        billing.accrue(instance, self.accounts[instance.account_id], to)

    def _apply_due(self, at: int) -> None:
        for arrival in [a for a in self.arrivals if a.at <= at]:
            self.arrivals.remove(arrival)
            self.place(arrival.account_id, arrival.order, arrival.at)
        for instance in list(self.moving.values()):
            event = lifecycle.next_event(instance)
            if event is not None and event <= at:
                lifecycle.apply_event(instance, event)
        self._stop_the_broke(at)

    def _stop_the_broke(self, at: int) -> None:
        for instance in self.present():
            if instance.phase is Phase.RUNNING and self.accounts[instance.account_id].credit_micros <= 0:
                lifecycle.halt(instance, at, "credit")

    # Renting

    def rent(self, account_id: int, order: Order) -> Instance:
        """Create an instance; raises OfferGone or NoCredit.

        A bid under the offer's minimum still makes an instance, stopped and billing its disk (F3).
        """
        account = self.accounts[account_id]
        offer = self.supply[account.provider].offers.get(order.offer_id)
        if offer is None or not self.is_free(offer):
            raise OfferGone(order.offer_id)
        if account.credit_micros <= 0:
            raise NoCredit(account_id)
        return self.place(account_id, order, self.now())

    def place(self, account_id: int, order: Order, at: int) -> Instance:
        """Make an instance of an order without asking whether that is possible."""
        account = self.accounts[account_id]
        offer = self.supply[account.provider].offers[order.offer_id]
        number = _FIRST_INSTANCE + len(self.instances) * 7 + 1
        dice = Random(f"instance:{self.seed}:{number}")
        instance = Instance(
            provider=account.provider,
            id=number,
            account_id=account_id,
            order=order,
            label=order.label,
            secret=f"{dice.getrandbits(256):064x}",
            created_at=at,
            contract_end=self.contract_end(offer),
            gpu_rate=billing.gpu_rate(offer, order),
            storage_rate=billing.storage_rate(offer, order.disk_gb),
            traffic_rate=billing.traffic_rate(offer),
            boot_us=lifecycle.draw_boot(dice, self.boot_seconds),
            billed_to=at,
            ssh_keys=list(account.ssh_keys),
        )
        self.instances[number] = self.moving[number] = instance
        lifecycle.begin(instance, at)
        self.changes += 1
        return instance

    def place_later(self, account_id: int, order: Order, delay: int) -> None:
        """Let an order take effect `delay` microseconds from now (`late`)."""
        self.arrivals.append(Arrival(self.now() + delay, account_id, order))
        self.changes += 1
