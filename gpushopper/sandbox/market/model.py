"""The data of the market: hosts, offers, accounts, keys, instances, records of creates and destroys."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

UNITS_PER_MICRO = 3_600_000_000
"""Cost is summed exactly as (micro-dollars per hour) x microseconds; this many make one micro-dollar."""


class Phase(StrEnum):
    """The phase of an instance. The ledger calls `fresh` and `created` pending, `released` stopped.

    `released` is stopped, with the GPUs taken back by the host: it can never start again.
    """

    FRESH = "fresh"
    CREATED = "created"
    LOADING = "loading"
    RUNNING = "running"
    STOPPED = "stopped"
    RELEASED = "released"
    OFFLINE = "offline"
    GONE = "gone"


BOOT = (Phase.FRESH, Phase.CREATED, Phase.LOADING)
HALTED = (Phase.STOPPED, Phase.RELEASED)


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU model; `price_micros` is a typical price per GPU and hour in micro-dollars."""

    name: str
    vram_mb: int
    mem_bw: float
    power_w: float
    compute_cap: int
    tflops: float
    dlperf: float
    price_micros: int
    hosts: int


@dataclass(frozen=True, slots=True)
class Host:
    """A physical machine with GPUs of one model. Prices in micro-dollars, sizes in the unit named.

    `vcpu_micros_hour` and `ram_micros_gb_hour` are 0 where a cloud's GPU price includes both. `location` is the number
    of its place where a cloud rents out places rather than hosts.
    """

    provider: str
    id: int
    owner_id: int
    gpu: Gpu
    gpu_count: int
    cpu_name: str
    cpu_cores: int
    cpu_ghz: float
    ram_mb: int
    disk_gb: float
    disk_name: str
    disk_bw: float
    inet_up: float
    inet_down: float
    traffic_micros_gb: int
    storage_micros_gb_month: int
    place: str
    country: str
    public_ip: str
    reliability: float
    verification: str
    static_ip: bool
    datacenter: bool
    cuda_max: float
    driver: str
    ports: int
    term_days: int
    motherboard: str
    pcie_bw: float
    vcpu_micros_hour: int = 0
    ram_micros_gb_hour: int = 0
    location: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """`gpu_count` GPUs of one host; prices are micro-dollars per hour for all of them, disk not included."""

    provider: str
    id: int
    host: Host
    gpu_count: int
    price_micros: int
    min_bid_micros: int


@dataclass(slots=True)
class Key:
    """An account key. `scopes` None means every scope."""

    secret: str
    id: int
    account_id: int
    revoked: bool = False
    scopes: list[str] | None = None


@dataclass(slots=True)
class Account:
    """An account that pays for instances: its credit is what was paid in less what they have spent."""

    provider: str
    id: int
    name: str
    paid_in_micros: int
    spent_units: int = 0
    drained: bool = False
    ssh_keys: list[dict[str, object]] = field(default_factory=list)

    @property
    def credit_micros(self) -> int:
        """Money left in micro-dollars; negative when storage was billed past zero (F82)."""
        left = self.paid_in_micros - self.spent_units // UNITS_PER_MICRO
        return min(left, 0) if self.drained else left


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """What an instance is created with; faults set the fields from `born_stopped` to `price_factor`. Saved as `order`.

    `kind` is one of its cloud's kinds of instances: `container` or `vm`. `vcpus` and `ram_gb` are 0 where a create does
    not choose them. `ports` are pairs of a VM's port and the one of its host that leads there; `dedicated_ip` is
    whether it has an address of its own. `cloud_init` is the text of a JSON object, `login_keys` are of a VM's user.
    """

    offer_id: int
    label: str | None = None
    image: str | None = None
    disk_gb: float = 10.0
    env: tuple[tuple[str, str], ...] = ()
    onstart: str | None = None
    runtype: str | None = None
    args: tuple[str, ...] = ()
    bid_micros: int | None = None
    start: bool = True
    kind: str = "container"
    foreign: bool = False
    born_stopped: bool = False
    stuck_in: Phase | None = None
    stuck_message: str | None = None
    price_factor: float = 1.0
    vcpus: int = 0
    ram_gb: int = 0
    dedicated_ip: bool = False
    ports: tuple[tuple[int, int], ...] = ()
    cloud_init: str | None = None
    login_keys: tuple[str, ...] = ()


@dataclass(slots=True)
class Meter:
    """The usage of one instance: microseconds and exact cost units by class (gpu, storage, traffic)."""

    gpu_us: int = 0
    storage_us: int = 0
    gpu_units: int = 0
    storage_units: int = 0
    traffic_units: int = 0

    @property
    def units(self) -> int:
        """Everything billed so far in cost units."""
        return self.gpu_units + self.storage_units + self.traffic_units


@dataclass(slots=True)
class Container:
    """The host's record of a live instance.

    `starts` counts containers, `host_up_at` is the last reboot, `host_keys` numbers the ssh host key, `load` and
    `claims` are what nvidia-smi reports, `acted_faults` are ids. In the saved file some are named otherwise.
    """

    port: int | None = None
    starts: int = 0
    host_boots: int = 0
    host_up_at: int | None = None
    host_keys: int = 0
    kill_count: int = 0
    kill_patterns: str = ""
    offline_by: int | None = None
    load: int = 0
    claims: dict[str, str] = field(default_factory=dict)
    acted_faults: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Instance:
    """A rented instance. Times in UTC microseconds, rates in micro-dollars per hour.

    `id` is its number on the market, `cloud_id` what its cloud calls it; no two clouds share either.
    """

    provider: str
    id: int
    account_id: int
    spec: InstanceSpec
    label: str | None
    secret: str
    created_at: int
    contract_end: int
    gpu_rate: int
    storage_rate: int
    traffic_rate: int
    boot_us: list[int]
    phase: Phase = Phase.FRESH
    wanted: str = "running"
    ended_at: int | None = None
    ended_by: str | None = None
    stopped_by: str | None = None
    next_at: int | None = None
    end_at: int | None = None
    end_by: str | None = None
    return_at: int | None = None
    online_at: int | None = None
    resume: Phase | None = None
    queued_start: bool = False
    billed_to: int = 0
    ssh_keys: list[dict[str, object]] = field(default_factory=list)
    history: list[tuple[int, Phase]] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)
    container: Container = field(default_factory=Container)
    cloud_id: str = ""

    def __post_init__(self) -> None:
        self.cloud_id = self.cloud_id or str(self.id)

    @property
    def can_be_live(self) -> bool:
        """Whether it has processes where instances are live: a foreign one is a record there, too (S28)."""
        return not self.spec.foreign

    @property
    def names(self) -> tuple[str | None, ...]:
        """The names (id, label) by which a fault may select the instance."""
        return (self.cloud_id, self.label)

    @property
    def exists(self) -> bool:
        """Whether the instance exists at the provider, in any phase but gone."""
        return self.phase is not Phase.GONE

    def enter(self, phase: Phase, at: int) -> None:
        """Change the phase and record the change in `history`."""
        self.phase = phase
        self.history.append((at, phase))

    def phase_at(self, at: int) -> Phase | None:
        """Return the phase at a past instant; None before the instance existed."""
        past = [phase for since, phase in self.history if since <= at]
        return past[-1] if past else None


@dataclass(slots=True)
class PendingCreate:
    """A create that takes effect at a later time (fault `late`)."""

    at: int
    account_id: int
    spec: InstanceSpec


@dataclass(slots=True)
class CreateRecord:
    """One create request; `effect` is what it did, `reply` what the caller received.

    `cloud_ids` are what the cloud calls what was created. Saved as `ids`.
    """

    provider: str
    label: str | None
    env_label: str | None
    at: int
    effect: str
    reply: str
    cloud_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DestroyRecord:
    """One destroy request for one instance; `by` is the kind of key it came with (`api` or `instance_key`).

    `cloud_id` is what the cloud calls the instance, or would. Saved as `id`.
    """

    provider: str
    cloud_id: str
    at: int
    by: str
    effect: str
    reply: str
