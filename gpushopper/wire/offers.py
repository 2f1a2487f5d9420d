"""Responses about what can be rented: offers, their groups, the inventory."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    month_hours: int = 720


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
    reference: str | None = None
    """What the offer is at its cloud where its id does not say it; sent back as it came."""
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
    asked; or above_cap: its cheapest offer that fits is dearer than a plan's price cap. `age_us` is how old the offers
    are that are shown all the same.
    """

    provider: str
    state: str
    reason: str
    hint: str = ""
    until_at: int | None = None
    age_us: int | None = None


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
