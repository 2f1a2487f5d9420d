"""The simulated market: rents offers, holds accounts and instances, and brings both up to date (`settle`)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from random import Random

from gpushopper.sandbox.market import billing, lifecycle
from gpushopper.sandbox.market.catalogue import Supply
from gpushopper.sandbox.market.cloud_profile import BillingProfile, CloudProfile
from gpushopper.sandbox.market.model import (
    Account,
    CreateRecord,
    DestroyRecord,
    Instance,
    InstanceSpec,
    Key,
    Offer,
    PendingCreate,
    Phase,
)
from gpushopper.sandbox.market.registry import make_registry
from gpushopper.sandbox.timing import DAY, Clock

FIRST_CREDIT = 100_000_000
_FIRST_KEY = 812_345
_NUMBERS = 10_000_000
"""So many numbers of instances each cloud has for itself."""
_NEVER = 2**62
"""The end of a contract, in microseconds, where a cloud has none."""


class OfferGone(Exception):
    """The offer is unknown, taken, or its host has too few free GPUs left."""


class NoCredit(Exception):
    """The account has less credit than its cloud asks for."""


class Market:
    """Hosts, offers, accounts and instances of every cloud, on one clock.

    Each cloud has its own accounts, keys, hosts, offers and instances.
    Everything follows from `seed` and the requests so far, so a saved market continues exactly.
    Callers hold `lock` for one request at a time and call `settle` first.
    """

    def __init__(
        self, clock: Clock, clouds: Iterable[CloudProfile], *, seed: int = 1, boot_seconds: float = 4.0
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.registry = make_registry(seed)
        self.boot_seconds = boot_seconds
        self.lock = threading.RLock()
        self.created_at = clock()
        self.changes = 0
        self.live = False
        self.clouds: dict[str, CloudProfile] = {}
        self.supply: dict[str, Supply] = {}
        self.accounts: dict[int, Account] = {}
        self.keys: dict[str, Key] = {}
        self.instances: dict[int, Instance] = {}
        self.tracked: dict[int, Instance] = {}  # without those gone for good
        self.numbers: dict[str, int] = {}  # of instances, by what their clouds call them
        self._made: Counter[str] = Counter()  # instances so far, by cloud
        self.pending_creates: list[PendingCreate] = []
        self.creates: list[CreateRecord] = []
        self.destroys: list[DestroyRecord] = []
        self.offline_hosts: dict[int, int | None] = {}
        for cloud in clouds:
            self.add_cloud(cloud)

    # Setting up

    def add_cloud(self, cloud: CloudProfile) -> None:
        """Add a cloud: supply and two accounts with a key each; the second is the wrong account (F45).

        Raises ValueError for the numbers of an account or host that another cloud has.
        """
        supply = cloud.make_supply(cloud.name, self.seed, cloud.first_host)
        hosts = {number for other in self.supply.values() for number in other.hosts}
        accounts = range(cloud.first_account, cloud.first_account + 2)
        near = any(abs(other.first_instance - cloud.first_instance) < _NUMBERS for other in self.clouds.values())
        if near or hosts & set(supply.hosts) or self.accounts.keys() & set(accounts):
            raise ValueError(f"{cloud.name} has numbers of another cloud")
        self.clouds[cloud.name], self.supply[cloud.name] = cloud, supply
        rng = Random(f"keys:{cloud.name}:{self.seed}")
        for number, name in zip(accounts, ("team", "other"), strict=True):
            self.accounts[number] = Account(cloud.name, number, name, FIRST_CREDIT)
            self.add_key(number, f"{rng.getrandbits(256):064x}")

    def add_key(self, account_id: int, secret: str, *, scopes: list[str] | None = None) -> Key:
        """Add an API key to an account."""
        before = len(self.keys_of(self.accounts[account_id].provider))
        key = Key(secret, _FIRST_KEY + before, account_id, scopes=scopes)
        self.keys[secret] = key
        self.changes += 1
        return key

    def keys_of(self, provider: str) -> list[str]:
        """Return the secrets of a provider's first account, then of its others."""
        return [key.secret for key in self.keys.values() if self.accounts[key.account_id].provider == provider]

    # Reading

    def now(self) -> int:
        """Return the market's time in UTC microseconds."""
        return self.clock()

    def existing_instances(self, account_id: int | None = None) -> list[Instance]:
        """Return the instances that exist, ascending by id, of one account or of all."""
        return [i for i in self.tracked.values() if i.exists and account_id in (None, i.account_id)]

    def named(self, cloud_id: object) -> Instance | None:
        """Return the instance that its cloud calls by this id, also one that is gone; None for an unknown one."""
        number = self.numbers.get(str(cloud_id))
        return None if number is None else self.instances[number]

    def find(self, cloud_id: object, account_id: int) -> Instance | None:
        """Return an account's existing instance; None for unknown, gone and other accounts' ones."""
        instance = self.named(cloud_id)
        return instance if instance and instance.exists and instance.account_id == account_id else None

    def first_account(self, provider: str) -> Account:
        """Return the account on which a cloud's instances are rented unless another key is sent."""
        return self.accounts[self.clouds[provider].first_account]

    def billing_of(self, provider: str) -> BillingProfile:
        """Return how a cloud bills."""
        return self.clouds[provider].billing

    def offer_of(self, instance: Instance) -> Offer:
        """Return the offer an instance was rented from."""
        return self.supply[instance.provider].offers[instance.spec.offer_id]

    def occupancy(self, provider: str) -> tuple[set[int], dict[int, int]]:
        """Return the ids of rented offers, and the number of GPUs in use by host id."""
        offers: set[int] = set()
        in_use: dict[int, int] = {}
        for instance in self.tracked.values():
            there = instance.exists or instance.return_at
            if instance.provider != provider or not there or instance.phase is Phase.RELEASED:
                continue
            offer = self.offer_of(instance)
            offers.add(offer.id)
            if instance.phase is not Phase.STOPPED or self.clouds[provider].stopped_keeps_gpus:
                in_use[offer.host.id] = in_use.get(offer.host.id, 0) + offer.gpu_count
        return offers, in_use

    def is_free(self, offer: Offer) -> bool:
        """Whether the offer can be rented now."""
        offers, in_use = self.occupancy(offer.provider)
        return offer.id not in offers and self.has_capacity(offer, in_use)

    def has_capacity(self, offer: Offer, in_use: dict[int, int]) -> bool:
        """Whether the host is reachable and has enough GPUs that are not in use."""
        host = offer.host
        return host.id not in self.offline_hosts and host.gpu_count - in_use.get(host.id, 0) >= offer.gpu_count

    def contract_end(self, offer: Offer) -> int:
        """Return when a contract made now would end; hosts renew their term a day before it is over.

        Where a cloud has no contracts, that is never.
        """
        if not self.clouds[offer.provider].has_contracts:
            return _NEVER
        term = offer.host.term_days * DAY
        terms = (self.now() - self.created_at + DAY) // term + 1
        return self.created_at + terms * term

    # Time

    def settle(self) -> None:
        """Apply everything that is due by now, in order of time, and bill the time in between."""
        now = self.now()
        self.tracked = {i.id: i for i in self.tracked.values() if i.exists or i.return_at is not None}
        while (due := self._next_due(now)) is not None:
            self._bill_all(due)
            self._apply_due(due)
        self._bill_all(now)
        for host_id in [h for h, until in self.offline_hosts.items() if until is not None and until <= now]:
            del self.offline_hosts[host_id]

    def _next_due(self, now: int) -> int | None:
        times = [create.at for create in self.pending_creates]
        times += [at for i in self.tracked.values() if (at := lifecycle.next_event(i)) is not None]
        existing = self.existing_instances()
        running = {i.account_id for i in existing if i.phase is Phase.RUNNING}
        for account in [self.accounts[number] for number in running]:  # without one no credit ends: F82
            since = max((i.billed_to for i in existing if i.account_id == account.id), default=now)
            profile = self.billing_of(account.provider)
            if (at := billing.credit_exhausted_at(profile, account, existing, since)) is not None:
                times.append(at)
        due = min(times, default=now + 1)
        return due if due <= now else None

    def _bill_all(self, to: int) -> None:
        for instance in self.tracked.values():
            if instance.exists:
                self.bill(instance, to)

    def bill(self, instance: Instance, to: int) -> None:
        """Charge an instance's account for its present phase up to an instant."""
        billing.accrue(self.billing_of(instance.provider), instance, self.accounts[instance.account_id], to)

    def _apply_due(self, at: int) -> None:
        for create in [one for one in self.pending_creates if one.at <= at]:
            self.pending_creates.remove(create)
            self.create_instance(create.account_id, create.spec, create.at)
        for instance in list(self.tracked.values()):
            event = lifecycle.next_event(instance)
            if event is not None and event <= at:
                lifecycle.apply_event(instance, event)
        self._stop_out_of_credit(at)

    def _stop_out_of_credit(self, at: int) -> None:
        for instance in self.existing_instances():
            account = self.accounts[instance.account_id]
            stops = self.billing_of(account.provider).stops_without_credit
            if stops and instance.phase is Phase.RUNNING and account.credit_micros <= 0:
                lifecycle.stop(instance, at, "credit")

    # Renting

    def rent(self, account_id: int, spec: InstanceSpec) -> Instance:
        """Create an instance; raises OfferGone or NoCredit.

        A bid under the offer's minimum still makes an instance, stopped and billing its disk (F3).
        """
        account = self.accounts[account_id]
        offer = self.supply[account.provider].offers.get(spec.offer_id)
        if offer is None or not self.is_free(offer):
            raise OfferGone(spec.offer_id)
        if account.credit_micros < self.billing_of(account.provider).least_credit_micros:
            raise NoCredit(account_id)
        return self.create_instance(account_id, spec, self.now())

    def create_instance(self, account_id: int, spec: InstanceSpec, at: int) -> Instance:
        """Create an instance without checking offer and credit.

        Raises ValueError when its cloud gives it the id of another instance, or has no such kind of instances.
        """
        account = self.accounts[account_id]
        cloud, profile = self.clouds[account.provider], self.billing_of(account.provider)
        if spec.kind not in cloud.kinds:
            raise ValueError(f"{account.provider} rents out no {spec.kind}")
        offer = self.supply[account.provider].offers[spec.offer_id]
        number = cloud.first_instance + self._made[cloud.name] * 7 + 1
        rng = Random(f"instance:{self.seed}:{number}")
        instance = Instance(
            provider=account.provider,
            id=number,
            account_id=account_id,
            spec=spec,
            label=spec.label,
            secret=f"{rng.getrandbits(256):064x}",
            created_at=at,
            contract_end=self.contract_end(offer),
            gpu_rate=billing.gpu_rate(offer, spec),
            storage_rate=billing.storage_rate(profile, offer, spec.disk_gb),
            traffic_rate=billing.traffic_rate(profile, offer),
            boot_us=lifecycle.draw_boot_stages(rng, self.boot_seconds),
            billed_to=at,
            ssh_keys=list(account.ssh_keys) if cloud.account_keys_log_in else [],
            cloud_id=cloud.make_id(number, Random(f"id:{self.seed}:{number}")),
        )
        if instance.cloud_id in self.numbers:
            raise ValueError(f"two instances are called {instance.cloud_id}")
        self._add_instance(instance)
        lifecycle.enter_first_phase(instance, at)
        self.changes += 1
        return instance

    def restore_instances(self, instances: Iterable[Instance]) -> None:
        """Replace the instances by saved ones."""
        self.instances, self.tracked, self.numbers, self._made = {}, {}, {}, Counter()
        for instance in instances:
            self._add_instance(instance)

    def _add_instance(self, instance: Instance) -> None:
        self.instances[instance.id] = self.tracked[instance.id] = instance
        self._made[instance.provider] += 1
        self.numbers[instance.cloud_id] = instance.id

    def create_later(self, account_id: int, spec: InstanceSpec, delay: int) -> None:
        """Create an instance `delay` microseconds from now (fault `late`)."""
        self.pending_creates.append(PendingCreate(self.now() + delay, account_id, spec))
        self.changes += 1
