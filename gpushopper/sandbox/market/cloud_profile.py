"""What the market must know of a cloud: how it bills, which numbers it has, and how it names instances and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from gpushopper.sandbox.market.model import BOOT, Account, Phase

Begins = Literal["create", "address", "running"]
Billed = Literal["nothing", "storage", "all"]

Kind = Literal["container", "vm"]

MakeId = Callable[[int, Random], str]
"""Returns what the cloud calls an instance, from its number on the market and a generator of its own."""
Credential = Callable[[Account, str], Mapping[str, str]]
"""Returns the parts of a credential as the key file names them, from the account and the secret of one key."""

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
    `granularity_us` is billed whole, and a machine that has begun to bill at least `minimum_us`. Of a disk,
    `storage_included_gb` are free and each begun `storage_step_gb` of the rest is billed whole (0: exactly).
    An account needs `least_credit_micros` for a create; `stops_without_credit` is whether its machines are stopped
    when nothing is left, rather than running on below zero.
    """

    begins: Begins = "create"
    granularity_us: int = 1
    minimum_us: int = 0
    stopped: Billed = "all"
    offline: Billed = "all"
    storage_included_gb: float = 0.0
    storage_step_gb: float = 0.0
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
        rest = max(disk_gb - self.storage_included_gb, 0.0)
        return rest if not self.storage_step_gb else -(-rest // self.storage_step_gb) * self.storage_step_gb

    def _rule(self, phase: Phase) -> Billed | None:
        return {Phase.STOPPED: self.stopped, Phase.OFFLINE: self.offline}.get(phase)


def own_number(number: int, rng: Random) -> str:
    """Name an instance by its number on the market."""
    return str(number)


def one_key(account: Account, secret: str) -> Mapping[str, str]:
    """Return the credential of a cloud that asks for one API key."""
    return {"api_key": secret}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudProfile:
    """One cloud on the market. Its two accounts have the numbers `first_account` and the one after it.

    The numbers of its hosts begin at `first_host`: no two clouds share an account or a host. `has_contracts` is
    whether a host rents until a term ends and then stops and deletes what runs there; `stopped_keeps_gpus` is
    whether a stopped machine holds its GPUs. `kinds` are the kinds of instances that it rents out.
    """

    name: str
    first_account: int
    first_host: int
    billing: BillingProfile = field(default_factory=BillingProfile)
    make_id: MakeId = own_number
    credential: Credential = one_key
    has_contracts: bool = False
    stopped_keeps_gpus: bool = True
    kinds: tuple[Kind, ...] = ("container",)
