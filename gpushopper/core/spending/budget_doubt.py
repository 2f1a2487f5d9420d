"""Whether what an attempt is booked with is certain: no session is ended for a budget on a doubted book."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.money import Micros, cost_over
from gpushopper.core.policy import Policy
from gpushopper.core.spending.ledger import GPU, Entry, storage_rate
from gpushopper.core.timing.clock_snapshot import MAX_CLOCK_SKEW, us

ROUNDING = 0.001
"""By how much two entries of one rate may differ: each is rounded to a micro-dollar."""


def doubt(name: str, attempt: Attempt, account_problem: str, rate_since_us: int, now_wall: int, policy: Policy) -> str:
    """Why the cost of this attempt is not certain; empty where it is.

    `account_problem`: why the account's list, or the clock, is not relied on. What is entered beyond now was entered by
    a clock that was ahead, until that time has come (F62). A rate above the agreed one counts once it has stood for a
    while: one list may be wrong (F117).
    """
    if attempt.state in (State.UNCERTAIN, State.MISSING):
        return f"it is not certain that {name}'s instance exists"
    if account_problem:
        return account_problem
    if (attempt.billed_until or 0) > now_wall + MAX_CLOCK_SKEW:
        return f"{name}'s cost was counted by a clock that was ahead"
    if (attempt.current_rate or 0) > _highest_agreed(attempt, policy) and rate_since_us < us(policy.price_doubted_s):
        return f"{name}'s price has only just risen"
    return ""


def in_doubt(attempt: Attempt, entries: Iterable[Entry], policy: Policy) -> list[Entry]:
    """What these entries have beyond the agreed rate where it was higher for a while only: as entries of that part.

    A price that stood for less than `price_doubted_s` may have been one wrong list, also after it is over (F117).
    `entries` are all that the attempt has, with what accrues now.
    """
    most = max(_highest_agreed(attempt, policy) - storage_rate(attempt), 0)
    least_us = us(policy.price_doubted_s)
    runs: list[list[Entry]] = []
    for entry in sorted(entries, key=lambda each: each.from_at):
        if entry.kind != GPU or entry.correction or _beyond(entry, most) <= 0:
            continue
        if runs and runs[-1][-1].to_at == entry.from_at and _is_same_rate(runs[-1][-1], entry, policy.price_tolerance):
            runs[-1].append(entry)
        else:
            runs.append([entry])
    brief = [run for run in runs if run[-1].to_at - run[0].from_at < least_us]
    return [replace(entry, micros=_beyond(entry, most)) for run in brief for entry in run]


def _is_same_rate(one: Entry, other: Entry, tolerance: float) -> bool:
    lower, higher = sorted((one.micros * (other.to_at - other.from_at), other.micros * (one.to_at - one.from_at)))
    return higher <= lower * (1 + max(tolerance, ROUNDING))


def _highest_agreed(attempt: Attempt, policy: Policy) -> Micros:
    return round(attempt.agreed_rate * (1 + policy.price_tolerance))


def _beyond(entry: Entry, rate: Micros) -> Micros:
    """What an entry has beyond this rate; a micro-dollar of it is rounding."""
    return entry.micros - cost_over(rate, entry.to_at - entry.from_at) - 1
