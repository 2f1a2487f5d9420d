"""The response types of the local API (views of sessions, offers, costs ...); they only ever gain fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class BillingView:
    """The terms of `gpushopper.core.cloud.Billing`."""

    begins: str = "running"
    granularity_s: int = 1
    minimum_s: int = 0
    stopped: str = "storage"
    storage_minimum_gb: float = 0
    storage_step_gb: float = 0
    storage_included_gb: float = 0


@dataclass(frozen=True, slots=True)
class OfferView:
    """`rate` is GPU and disk together, micro-dollars per hour, for the requested disk; traffic is per GB.

    `kind` is on_demand or spot. `is_single`: one host; otherwise a type, of which `stock` are left. None is what the
    cloud does not say.
    """

    key: str
    provider: str
    offer_id: str
    host_id: str | None
    gpu: str
    gpu_count: int
    vram_mb: int
    rate: int
    gpu_rate: int
    storage_rate: int
    storage_gb_month: int
    upload_gb: int
    download_gb: int
    region: str | None
    reliability: float | None
    cuda: float | None
    disk_gb: float
    cpu_cores: float | None
    ram_mb: int | None
    verified: bool | None
    kind: str
    seen_at: int
    ends_at: int | None = None
    driver: str | None = None
    is_single: bool = True
    stock: int | None = None
    billing: BillingView = field(default_factory=BillingView)
    gpu_model: str = ""
    """With `gpu_form` and `gpu_vram_gb` the card, the same for every cloud's spelling."""
    gpu_form: str = ""
    gpu_vram_gb: int | None = None
    age_us: int = 0
    """How old the cloud's answer is that shows it; above a minute it is shown and not rented."""


@dataclass(frozen=True, slots=True)
class OfferGroup:
    """The offers of one GPU, cloud or country: how many, the cheapest and its rate, the best value and whose it is.

    `best_value` is GB of GPU memory for a dollar an hour. `stock` is how many can be rented, as far as clouds say it;
    `is_stock_known`: whether all do.
    """

    name: str
    count: int
    rate: int
    offer: str
    best_value: float
    best_value_offer: str
    stock: int
    is_stock_known: bool


@dataclass(frozen=True, slots=True)
class MissingAccount:
    """An account whose offers are missing, or are shown as they were before, and why.

    `state` is failed, throttled (until `until_at`, where the cloud says so) or left_out: nothing can be rented there as
    asked. `age_us` is how old the offers are that are shown all the same.
    """

    provider: str
    state: str
    reason: str
    hint: str = ""
    until_at: int | None = None
    age_us: int | None = None


@dataclass(frozen=True, slots=True)
class PlanAccount:
    """What differs between the accounts of a shortlist: their cloud, what runs there, and what ends its bill.

    `bills_on`: an instance there bills until the balance is used up, if this computer never comes back. `minimum_us` is
    the least time that is paid for.
    """

    provider: str
    cloud: str
    image: str
    guard_kind: str
    bills_on: bool = False
    minimum_us: int = 0


@dataclass(frozen=True, slots=True)
class Inventory:
    """`more` says that the market holds more than was read; `unavailable` names providers that did not answer.

    `missing` says it of each account in full, also of those without a key. With `group_by` there are `groups` and no
    offers; `total` counts offers all the same. `invalid_prices` counts the offers left out for a price of zero, below
    zero or absurdly high; `unstated` those left out because their cloud does not say what a filter asks for, by that
    (one offer may count more than once).
    """

    offers: list[OfferView]
    total: int
    more: bool = False
    unavailable: dict[str, str] = field(default_factory=dict)
    invalid_prices: int = 0
    unstated: dict[str, int] = field(default_factory=dict)
    missing: list[MissingAccount] = field(default_factory=list)
    groups: list[OfferGroup] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """The money first: `max_cost` is the most the session can cost by `deadline_at`, traffic left out.

    It is that of the dearest offer; `image`, `guard_kind` and `minimum_us` are the first one's, and `accounts` has
    those of all.
    """

    offers: list[OfferView]
    max_cost: int
    deadline_at: int
    duration_us: int | None
    image: str
    disk_gb: float
    max_rate: int
    guard_kind: str
    retries: int
    refusal: str = ""
    unstated: dict[str, int] = field(default_factory=dict)
    """As in an inventory."""
    missing: list[MissingAccount] = field(default_factory=list)
    """Accounts that did not answer."""
    bills_on: bool = False
    """Whether an instance of any offer bills on until the balance is used up, if this computer never comes back."""
    minimum_us: int = 0
    """The least time that is paid for; ending earlier saves nothing."""
    accounts: list[PlanAccount] = field(default_factory=list)
    """The accounts of the shortlist, in the order of their first offers."""
    named_image: str | None = None
    """The image that was asked for by name, to be sent with the request; without one each cloud runs its own."""
    left_out: list[MissingAccount] = field(default_factory=list)
    """Accounts where what was asked for cannot be rented: they were not ranked."""


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt: observed state, desired state, reason, cost."""

    id: str
    state: str
    desired_state: str
    reason: str
    label: str
    instance_id: str | None
    offer: str
    gpu: str
    gpu_count: int
    rate: int
    sent_at: int | None
    ready_at: int | None
    off_at: int | None
    closed_at: int | None
    deadline_at: int
    hard_max_at: int
    provider_status: str
    accrued: int
    max_cost: int
    receipt: dict[str, Any] | None = None
    provider: str = ""
    """The account it is at; attempts of one session may be at several clouds."""
    cloud: str = ""
    image: str = ""
    """What it runs."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session; `provider`, `image`, `rate`, `deadline_at` and the offer's facts are the current attempt's.

    `end_stage` is "", "requested", "off" or "proven"; only "proven" may be shown as destroyed (I27).
    `accrued` is the cost so far, `max_cost` what it can still reach; `guards` is e.g. "D" or "D+I".
    """

    id: str
    name: str
    consumer: str
    status: str
    health: str
    end_stage: str
    reason: str
    provider: str
    gpu: str
    gpu_count: int
    rate: int
    created_at: int
    deadline_at: int | None
    hard_max_at: int | None
    ready_at: int | None
    ended_at: int | None
    accrued: int
    max_cost: int
    guard_state: str
    guards: str
    image: str
    disk_gb: float
    ssh_host: str | None
    ssh_port: int | None
    heartbeat_at: int | None
    guard_deadline_at: int | None
    waiting_for: str
    waiting_until: int | None
    attempts: list[AttemptView]
    image_login: str = ""
    """The registry whose login its creates carry."""
    bills_on: bool = False
    """Whether its instance bills on if this computer never comes back: its guard can at most power it off."""
    guard_in_sync: bool = False
    """Whether the guard has confirmed `deadline_at`; otherwise it ends the instance at `guard_deadline_at`."""
    cloud: str = ""
    """The cloud of `provider`, which is an account's name."""


@dataclass(frozen=True, slots=True)
class Sessions:
    sessions: list[SessionView]


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of the history. `id` is the cursor."""

    id: int
    at: int
    kind: str
    session: str | None
    attempt: str | None
    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Events:
    events: list[EventView]
    next: int


@dataclass(frozen=True, slots=True)
class AlarmView:
    id: int
    kind: str
    subject: str
    text: str
    hint: str
    raised_at: int
    acknowledged_at: int | None = None


@dataclass(frozen=True, slots=True)
class Alarms:
    alarms: list[AlarmView]


@dataclass(frozen=True, slots=True)
class CostRow:
    """Costs of one session by kind (gpu, storage, traffic, minimum), micro-dollars.

    `max_cost` is what it costs if it ends on time; `reserved` is what is held back beyond `accrued`, slow end included.
    """

    session: str
    name: str
    consumer: str
    provider: str
    gpu: str
    gpu_micros: int
    storage_micros: int
    traffic_micros: int
    minimum_micros: int
    accrued: int
    reserved: int
    max_cost: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Costs:
    rows: list[CostRow]
    accrued: int
    max_cost: int


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """`state` is ready, starting, degraded, inconsistent or keyless; `key_state` says why it has no key."""

    name: str
    account: str
    state: str
    detail: str
    balance: int | None
    last_complete_list_at: int | None
    open_attempts: int
    key_source: str
    key_state: str = "ok"
    key_hint: str = ""
    console: str = ""
    """The web page where a person can end what runs there."""
    cloud: str = ""
    """The cloud that the account of this name is at."""


@dataclass(frozen=True, slots=True)
class TrustedRow:
    """An open instance, or a create whose outcome is uncertain. `typed` is what a person types who has seen it."""

    session: str
    instance_id: str | None
    typed: str


@dataclass(frozen=True, slots=True)
class SameAccountView:
    """What a person would trust a key to be of, and the web page to look at."""

    name: str
    console: str
    rows: list[TrustedRow]


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    version: str
    protocol: int
    pid: int
    home: str
    installation: str
    started_at: int
    now: int
    policy: str
    jobs: dict[str, int]
    providers: list[ProviderStatus]
    sessions_open: int
    open_accrued: int
    open_max_cost: int
    open_rate: int
    alarms: int
    is_guarded: bool = True
    """Whether instances end themselves too; simulated ones cannot."""
    disk_free: int = 0
    """Bytes we can still write on the home folder's file system."""
    disk_low: bool = False
    """Whether that is too little to provision; sessions can still be ended."""
    skipped_clouds: dict[str, str] = field(default_factory=dict)
    """Why clouds of installed packages are not used, by name."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change of desired state was committed. `event` is the cursor to follow from."""

    sessions: list[str]
    event: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One instance on the account, or what a create of ours left there: then `instance_id` is its own id, and `status`
    what it is (key, script, template, disk). `kind` is ours, ours_unknown or foreign.
    """

    provider: str
    instance_id: str
    kind: str
    label: str
    status: str
    gpu: str
    rate: int | None
    session: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    rows: list[AuditRow]
    unavailable: dict[str, str]
    problems: int
