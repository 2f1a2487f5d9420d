"""May this be rented? Price cap, balance, and the limits that hold when all other logic is wrong (D11, S8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpushopper.core.model.money import DOLLAR, Micros, dollars, is_sane_rate
from gpushopper.core.model.offer import Offer


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """Limits of the `[brakes]` section; `dollars_per_hour` is in micro-dollars."""

    open_sessions: int = 4
    creates_per_hour: int = 12
    dollars_per_hour: Micros = 20 * DOLLAR


@dataclass(frozen=True, slots=True)
class Usage:
    """What is already running or reserved, counted in the transaction that would add to it (F113)."""

    open_sessions: int
    creates_last_hour: int
    rate: Micros
    reserved: Micros = 0
    """RecordedState back for the account's open attempts beyond what they have cost already."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A rule that says no, and the configuration key that holds it."""

    rule: str
    text: str


def denied_by_limits(load: Usage, rate: Micros, limits: SpendingLimits, *, new_session: bool = True) -> Denial | None:
    """The brake that one more attempt at this hourly rate would meet; failover passes the session brake."""
    if new_session and load.open_sessions >= limits.open_sessions:
        return Denial(
            "brakes.open_sessions",
            f"{load.open_sessions} sessions are open, the brake is {limits.open_sessions}",
        )
    if load.creates_last_hour >= limits.creates_per_hour:
        text = f"{load.creates_last_hour} creates in the last hour, the brake is {limits.creates_per_hour}"
        return Denial("brakes.creates_per_hour", text)
    if load.rate + rate > limits.dollars_per_hour:
        text = f"{dollars(load.rate + rate)}/h in all, the brake is {dollars(limits.dollars_per_hour)}/h"
        return Denial("brakes.dollars_per_hour", text)
    return None


def denied_by_price(offer: Offer, disk_gb: float, cap: Micros | None) -> Denial | None:
    """An unknown or absurd price can not be reserved against; one above the cap was never agreed (F116)."""
    rate = offer.rate(disk_gb)
    if not is_sane_rate(offer.gpu_rate):
        return Denial("price", f"{offer.key} shows no usable price")
    if not is_sane_rate(rate):
        return Denial("price", f"{offer.key} shows no usable price for a disk of {disk_gb:g} GB")
    if cap is not None and rate > cap:
        return Denial("max_price", f"{offer.key} costs {dollars(rate, 4)}/h, the cap is {dollars(cap, 4)}/h")
    return None


def denied_by_balance(balance: Micros | None, load: Usage, reserve: Micros) -> Denial | None:
    """The account's spendable money must cover this reserve beside all others, where the provider tells it (I13)."""
    if balance is None or balance >= load.reserved + reserve:
        return None
    text = f"the account holds {dollars(balance)}, the worst case of all together is {dollars(load.reserved + reserve)}"
    return Denial("balance", text)


def affordable(shortlist: Sequence[Offer], disk_gb: float, cap: Micros | None) -> tuple[Offer, ...]:
    """The shortlist without offers the cap or a missing price rules out."""
    return tuple(offer for offer in shortlist if denied_by_price(offer, disk_gb, cap) is None)
