"""What the market must know of a cloud: how it bills, which numbers it has, and how it names instances and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from gpushopper.sandbox.market.catalogue import Supply, generate_supply
from gpushopper.sandbox.market.model import BOOT, Account, InstanceSpec, Phase

Begins = Literal["create", "address", "running"]
Billed = Literal["nothing", "storage", "all"]

Kind = Literal["container", "vm"]

MakeId = Callable[[int, Random], str]
"""Returns what the cloud calls an instance, from its number on the market and a generator of its own."""
Credential = Callable[[Account, str], Mapping[str, str]]
"""Returns the parts of a credential as the key file names them, from the account and the secret of one key."""

MakeSupply = Callable[[str, int, int], Supply]
"""Returns what a cloud rents out, from its name, the market's seed and the first number of its hosts."""

FOREIGN = InstanceSpec(0, image="nvidia/cuda:12.4.1-devel-ubuntu22.04", disk_gb=20.0, runtype="ssh", foreign=True)

_BEGUN: dict[Begins, frozenset[Phase]] = {
    "create": frozenset((*BOOT, Phase.RUNNING)),
    "address": frozenset((Phase.LOADING, Phase.RUNNING)),
    "running": frozenset((Phase.RUNNING,)),
}
_STORED = frozenset((*BOOT, Phase.RUNNING))


@dataclass(frozen=True, slots=True)
class BillingProfile:
    """How a cloud bills. Times in microseconds, sizes in GB, money in micro-dollars.

    GPUs are billed from `begins` on: from the create, from when an address is shown (loading), or while running.
    `stopped` and `offline` say what a stopped machine and one on an unreachable host bill. Each begun
    `granularity_us` is billed whole, and a machine that has begun to bill at least `minimum_us`. A disk is billed as
    `storage_minimum_gb` at least; `storage_included_gb` of it are free, and each begun `storage_step_gb` of the rest is
    billed whole (0: exactly). Its price is for a month of `month_hours`. A machine whose host has taken its GPUs back
    bills its disk.
    An account needs `least_credit_micros` for a create; `stops_without_credit` is whether its machines are stopped
    when nothing is left, rather than running on below zero.
    """

    begins: Begins = "create"
    granularity_us: int = 1
    minimum_us: int = 0
    stopped: Billed = "all"
    offline: Billed = "all"
    storage_minimum_gb: float = 0.0
    storage_included_gb: float = 0.0
    storage_step_gb: float = 0.0
    month_hours: int = 720
    bills_traffic: bool = False
    least_credit_micros: int = 1
    stops_without_credit: bool = False

    def bills_gpu(self, phase: Phase) -> bool:
        """Whether the GPUs are billed in this phase."""
        rule = self._rule(phase)
        return phase in _BEGUN[self.begins] if rule is None else rule == "all"

    def bills_storage(self, phase: Phase) -> bool:
        """Whether the disk is billed in this phase; while it boots and runs, it always is."""
        rule = self._rule(phase)
        return phase in _STORED if rule is None else rule != "nothing"

    def billed_time(self, used_us: int) -> int:
        """Return how much is billed for the time used so far: the steps it has begun, and at least the minimum."""
        if used_us <= 0:
            return 0
        return max(-(-used_us // self.granularity_us) * self.granularity_us, self.minimum_us)

    def billed_gb(self, disk_gb: float) -> float:
        """Return how many GB of a disk are billed."""
        rest = max(max(disk_gb, self.storage_minimum_gb) - self.storage_included_gb, 0.0)
        return rest if not self.storage_step_gb else -(-rest // self.storage_step_gb) * self.storage_step_gb

    def _rule(self, phase: Phase) -> Billed | None:
        rules: dict[Phase, Billed] = {
            Phase.STOPPED: self.stopped,
            Phase.RELEASED: "storage",
            Phase.OFFLINE: self.offline,
        }
        return rules.get(phase)


def own_number(number: int, rng: Random) -> str:
    """Name an instance by its number on the market."""
    return str(number)


def one_key(account: Account, secret: str) -> Mapping[str, str]:
    """Return the credential of a cloud that asks for one API key."""
    return {"api_key": secret}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudProfile:
    """One cloud on the market. Its two accounts have the numbers `first_account` and the one after it.

    The numbers of its hosts begin at `first_host`, those of its instances at `first_instance`: no two clouds share a
    number. `has_contracts` is whether a host rents until a term ends and then stops and deletes what runs there;
    `stopped_keeps_gpus` is whether a stopped machine holds its GPUs; `account_keys_log_in` is whether the ssh keys of
    an account log in on each new machine. `foreign` is what others rent on the account. `kinds` are the
    kinds of instances that it rents out.
    """

    name: str
    first_account: int
    first_host: int
    first_instance: int
    make_supply: MakeSupply = generate_supply
    foreign: InstanceSpec = FOREIGN
    billing: BillingProfile = field(default_factory=BillingProfile)
    make_id: MakeId = own_number
    credential: Credential = one_key
    has_contracts: bool = False
    stopped_keeps_gpus: bool = True
    kinds: tuple[Kind, ...] = ("container",)
    account_keys_log_in: bool = True
