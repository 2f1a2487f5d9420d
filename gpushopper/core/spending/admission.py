"""Decides whether an offer may be rented: price cap, account balance, and spending limits (D11, S8, F113)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpushopper.core.model.money import DOLLAR, Micros, dollars, is_sane_rate
from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.clock_snapshot import HOUR


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """Limits of the `[brakes]` section; `dollars_per_hour` is in micro-dollars."""

    open_sessions: int = 4
    creates_per_hour: int = 12
    dollars_per_hour: Micros = 20 * DOLLAR


@dataclass(frozen=True, slots=True)
class Usage:
    """What is running or reserved already, counted in the transaction that would add to it (F113)."""

    open_sessions: int
    creates_last_hour: int
    rate: Micros
    reserved: Micros = 0
    """Held back for the account's open attempts beyond what they have cost already."""
    created_at: tuple[int, ...] = ()
    """When each of those creates was sent, wall µs."""
    ends: tuple[tuple[int, Micros], ...] = ()
    """Until when each open session lasts at the latest, wall µs, and its hourly rate."""


BALANCE = "balance"
"""The rule about one account's balance; the spending limits are about all accounts together."""
BUDGET = "budget"
"""The rule about a limit that a user has set for a day, a month or a session (budget_check.py)."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal: the configuration key or rule that denies it, why, and what to do where that is not the usual."""

    rule: str
    text: str
    hint: str = ""
    free_at: int | None = None
    """When there is room again if nothing else happens, wall µs; None where that is not known."""
    is_of_account: bool = False
    """Whether it denies offers of this account alone: another's may be rented."""


def denied_by_limits(usage: Usage, rate: Micros, limits: SpendingLimits, *, new_session: bool = True) -> Denial | None:
    """The spending limit that one more attempt at this hourly rate would pass; failover adds no session to count."""
    if new_session and usage.open_sessions >= limits.open_sessions:
        text = f"{usage.open_sessions} sessions are open, the limit is {limits.open_sessions}"
        return Denial("brakes.open_sessions", text, free_at=_session_free_at(usage, limits))
    if usage.creates_last_hour >= limits.creates_per_hour:
        text = f"{usage.creates_last_hour} creates in the last hour, the limit is {limits.creates_per_hour}"
        return Denial("brakes.creates_per_hour", text, free_at=_create_free_at(usage, limits))
    if usage.rate + rate > limits.dollars_per_hour:
        text = f"{dollars(usage.rate + rate)}/h in all, the limit is {dollars(limits.dollars_per_hour)}/h"
        return Denial("brakes.dollars_per_hour", text, free_at=_rate_free_at(usage, rate, limits))
    return None


def _session_free_at(usage: Usage, limits: SpendingLimits) -> int | None:
    """When so many sessions have reached their deadlines that one more is allowed."""
    ending = sorted(at for at, _ in usage.ends)
    nth = usage.open_sessions - limits.open_sessions
    return ending[nth] if limits.open_sessions and nth < len(ending) else None


def _create_free_at(usage: Usage, limits: SpendingLimits) -> int | None:
    """When so many creates are an hour old that one more is allowed."""
    nth = usage.creates_last_hour - limits.creates_per_hour
    return sorted(usage.created_at)[nth] + HOUR if limits.creates_per_hour and nth < len(usage.created_at) else None


def _rate_free_at(usage: Usage, rate: Micros, limits: SpendingLimits) -> int | None:
    """When so much has reached its deadline that this rate fits."""
    in_all = usage.rate + rate
    for at, ending in sorted(usage.ends):
        in_all -= ending
        if in_all <= limits.dollars_per_hour:
            return at
    return None


def denied_by_price(offer: Offer, disk_gb: float, cap: Micros | None) -> Denial | None:
    """No reserve can be made for an invalid price; a price above the cap was not agreed to (F116)."""
    rate = offer.rate(disk_gb)
    if not is_sane_rate(offer.gpu_rate):
        return Denial("price", f"{offer.key} shows no usable price")
    if not is_sane_rate(rate):
        return Denial("price", f"{offer.key} shows no usable price for a disk of {disk_gb:g} GB")
    if cap is not None and rate > cap:
        return Denial("max_price", f"{offer.key} costs {dollars(rate, 4)}/h, the cap is {dollars(cap, 4)}/h")
    return None


def denied_by_balance(balance: Micros | None, usage: Usage, reserve: Micros) -> Denial | None:
    """The account's balance, where the provider shows it, must cover this reserve and all others (I13)."""
    if balance is None or balance >= usage.reserved + reserve:
        return None
    text = f"the account holds {dollars(balance)}, all reserves together are {dollars(usage.reserved + reserve)}"
    return Denial(BALANCE, text, is_of_account=True)


def affordable(shortlist: Sequence[Offer], disk_gb: float, cap: Micros | None) -> tuple[Offer, ...]:
    """The shortlist without offers the cap or a missing price rules out."""
    return tuple(offer for offer in shortlist if denied_by_price(offer, disk_gb, cap) is None)
