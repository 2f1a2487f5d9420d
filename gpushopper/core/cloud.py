"""Traits of a cloud: how it bills, limits, names, starts and ends instances, as values that rules take as arguments.

A rule reads a trait and never a cloud's name. Each adapter fills in one `Traits`; what a person and the key store must
know of a cloud is in `gpushopper.clouds`. Names that end in `_s` are real seconds; the policy scales them where the
sandbox runs faster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum


class BillingStart(Enum):
    """From which event on the GPU of an instance is billed."""

    CREATE = "create"
    RUNNING = "running"
    ADDRESS = "address"
    """Once the instance has its address."""


class StoppedBilling(Enum):
    """What an instance that is stopped, and not destroyed, still bills."""

    NOTHING = "nothing"
    STORAGE = "storage"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Billing:
    """How time and disk become money.

    A cost is for whole steps of `granularity_s`, and for at least `minimum_s`. A disk is rounded up to
    `storage_step_gb` (0: any size) and is at least `storage_minimum_gb`; its first `storage_included_gb` are part of
    the GPU's price. `month_hours`: the hours of the month that a GB of disk is priced for.

    Raises:
        ValueError: a month has no hours.
    """

    begins: BillingStart = BillingStart.RUNNING
    granularity_s: int = 1
    minimum_s: int = 0
    stopped: StoppedBilling = StoppedBilling.STORAGE
    storage_minimum_gb: float = 0.0
    storage_step_gb: float = 0.0
    storage_included_gb: float = 0.0
    month_hours: int = 720

    def __post_init__(self) -> None:
        if self.month_hours < 1:
            raise ValueError("a storage month without hours")

    def storage_rate(self, gb_month: int, disk_gb: float) -> int:
        """Micro-dollars per hour for so many billed GB, from the price of a GB and month; rounded up."""
        return -(-int(gb_month * disk_gb) // self.month_hours)

    def in_steps(self, span_us: int) -> int:
        """A span rounded up to whole steps, µs. Steps of a second are no steps: that is to the second."""
        if self.granularity_s <= 1 or span_us <= 0:
            return max(span_us, 0)
        step = self.granularity_s * 1_000_000
        return -(-span_us // step) * step

    def billed_us(self, span_us: int) -> int:
        """The time that is billed for a span of use, µs: whole steps, and at least the minimum."""
        return max(self.in_steps(span_us), self.minimum_s * 1_000_000) if span_us > 0 else 0

    def disk_for(self, asked_gb: float) -> float:
        """The disk that the cloud makes where this much is asked for, GB."""
        least = max(asked_gb, self.storage_minimum_gb)
        if self.storage_step_gb <= 0:
            return least
        # 0.3 / 0.1 is more than 3: a rounding error makes no further step.
        return math.ceil(least / self.storage_step_gb - 1e-9) * self.storage_step_gb

    def billed_gb(self, asked_gb: float) -> float:
        """What is billed of that disk, GB."""
        return max(self.disk_for(asked_gb) - self.storage_included_gb, 0.0)


class ListProof(Enum):
    """How a list shows that it is whole (F43)."""

    TOTAL = "total"
    """It gives the number of all instances."""
    CURSOR = "cursor"
    """Its last page says that it is the last."""
    NOTHING = "nothing"
    """Neither: it counts as whole only if every item in it was understood."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the cloud takes, and how much text it accepts.

    `create_s`, `destroy_s`, `read_s`: the longest call. `flight_s`: how long after its send a create may still make an
    instance. `list_lag_s`: how long an instance may exist before it is listed. `boot_silence_s`: the longest time a
    boot goes on without a sign of progress; `boot_limit_s`: the longest boot. `degraded_after_s`: how long the account
    may go without a whole list, whatever the cause, before it is degraded. `max_startup_length` and
    `max_variable_length` are characters; None: no limit is known. `create_replay_s`: how long after its send a create
    with the same token is answered with the same instance, whatever came of the first (`CreateRequest.token`); 0: the
    cloud knows no tokens.
    """

    create_s: float = 60.0
    destroy_s: float = 30.0
    read_s: float = 20.0
    flight_s: float = 180.0
    list_lag_s: float = 420.0
    boot_silence_s: float = 900.0
    boot_limit_s: float = 3600.0
    degraded_after_s: float = 60.0
    create_replay_s: float = 0.0
    list_proof: ListProof = ListProof.TOTAL
    max_startup_length: int | None = None
    max_variable_length: int | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How many calls the cloud accepts from one account, over all endpoints.

    `calls` in `window_s` seconds, 0 for no such limit; `destroy_share` of them is kept for destroys, so that reads
    never use up what an end needs (I17). Gaps between two calls of one endpoint are the adapter's own.
    `destroy_interval_s` is how far apart both together put the ends of several instances, by destroy or read by id,
    whichever is slower. `longest_gap_s` is the longest gap that any endpoint has, also after a refused call.
    """

    calls: int = 0
    window_s: float = 60.0
    destroy_share: float = 0.25
    destroy_interval_s: float = 0.0
    longest_gap_s: float = 12.0


class Identity(Enum):
    """How we know which account a key belongs to (F45)."""

    TOLD = "told"
    """A call answers with the account's id."""
    INFERRED = "inferred"
    """No call does: it is proven by what the account holds."""


class Carrier(Enum):
    """A place of an instance that can hold our label (S4)."""

    LABEL = "label"
    NAME = "name"
    TAG = "tag"
    ENVIRONMENT = "environment"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True)
class Naming:
    """Where an instance carries our label. `max_length` is in characters; `alphabet` is a set for a regex."""

    carriers: tuple[Carrier, ...]
    can_relabel: bool = False
    alphabet: str = "a-z0-9-"
    max_length: int = 255


class PlantingMethod(Enum):
    """How the boot script reaches a new instance."""

    ONSTART = "onstart"
    """Given with the create; run at every start of the container."""
    CLOUD_INIT = "cloud_init"
    """Given with the create; run once, so that it installs a unit for every boot."""
    COMMAND = "command"
    """The container's own command."""
    OVER_SSH = "over_ssh"
    """Brought after the first login."""


@dataclass(frozen=True, slots=True)
class Planting:
    """How guard and ssh key reach an instance.

    `attaches_keys`: a key can be added to a running instance. `registers_key`: the account must hold the key before the
    create. `user` is whom one logs in as where the instance does not say.
    """

    method: PlantingMethod
    attaches_keys: bool = False
    registers_key: bool = False
    user: str = "root"


class EndingKind(Enum):
    """What ends an instance's bill without us (D7)."""

    SELF_DESTROY = "self_destroy"
    """It can call for its own destroy."""
    SERVER_TIMER = "server_timer"
    """The cloud ends it at a time that was told with the create, and is known to enforce that."""
    POWEROFF_STOPS_BILLING = "poweroff_stops_billing"
    POWEROFF_ONLY = "poweroff_only"
    """It can power off, and bills on."""
    NONE = "none"


class Leftover(Enum):
    """What a create makes beside the instance, and what outlives it until it is removed (F131)."""

    KEY = "key"
    SCRIPT = "script"
    TEMPLATE = "template"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Ending:
    """How instances end.

    `bulk_destroy` is the most ids of one destroy, 1 where there is no bulk call. `minimum_rental_s`: a destroy before
    that saves nothing.
    """

    kind: EndingKind
    bulk_destroy: int = 1
    minimum_rental_s: int = 0
    leftovers: tuple[Leftover, ...] = ()

    @property
    def ends_bill_alone(self) -> bool:
        """Whether an instance stops billing at its deadline even if this computer never comes back (ends.md E9)."""
        return self.kind not in (EndingKind.POWEROFF_ONLY, EndingKind.NONE)


class ImageKind(Enum):
    """What a create's image is."""

    CONTAINER = "container"
    SYSTEM = "system"


class OfferKind(Enum):
    """How firmly an offer is rented."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What images are. `default_image` is used where the user names none; `images` names the operating systems."""

    default_image: str
    image_kind: ImageKind = ImageKind.CONTAINER
    takes_image_login: bool = False
    images: tuple[str, ...] = ()


KEY_PATTERN = r"\b[0-9A-Fa-f]{32,}\b|\beyJ[\w-]{8,}\.[\w-]{8,}(\.[\w-]*)?"
"""What looks like a key at most clouds: a long hexadecimal word, or a signed token (JWT). No message needs one."""


@dataclass(frozen=True, slots=True)
class Traits:
    """All that the rules must know of a cloud; `name` is that of `gpushopper.clouds`.

    `key_pattern` is a regular expression of what looks like one of its keys. It is redacted from the cloud's texts and
    from the log even where the key itself is not known to us: an instance's own, for example (I21, F104). `gives_logs`:
    it passes on what an instance has printed. `narrow_key` names, in the cloud's own words, what a key needs that can
    list and end instances and no more; empty where the cloud has no such keys (ends.md E10).
    """

    name: str
    naming: Naming
    planting: Planting
    ending: Ending
    catalogue: Catalogue
    identity: Identity = Identity.TOLD
    billing: Billing = field(default_factory=Billing)
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    gives_logs: bool = True
    narrow_key: str = ""
    key_pattern: str = KEY_PATTERN
