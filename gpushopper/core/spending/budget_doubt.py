"""Whether what an attempt is booked with is certain: no session is ended for a budget on a doubted book."""

from __future__ import annotations

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import MAX_CLOCK_SKEW, us


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
    limit = round(attempt.agreed_rate * (1 + policy.price_tolerance))
    if (attempt.current_rate or 0) > limit and rate_since_us < us(policy.price_doubted_s):
        return f"{name}'s price has only just risen"
    return ""
