"""The response to POST /plan; it only ever gains fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpushopper.wire.offers import MissingAccount, OfferView


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
    disk_gb: float = 0
    """The disk that the cloud makes for the one that is asked for."""


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
    """Why a provision of exactly this would be refused; empty where it would not."""
    refusal_code: str = ""
    """same_account where the first account is another name's too; empty for a spending limit or a balance."""
    refusal_hint: str = ""
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
    """Accounts where what was asked for cannot be rented, or only above the price cap: none of their offers is here."""
