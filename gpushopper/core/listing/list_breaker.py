"""The circuit breaker: whether a list that lacks many instances is believed (I29)."""

from __future__ import annotations

from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, State
from gpushopper.core.policy import Policy


def newly_missing(missing: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """The wanted ones among the missing that were there until now: a list without them is not evidence of anything.

    IdempotencyKey a by-id read has agreed they are suspect, and no longer speak against the list.
    """
    there = (State.BOOTING, State.RUNNING, State.INTERRUPTED)
    return tuple(a for a in missing if a.is_wanted and a.state in there)


def believed_missing(recorded: RecordedState, missing: tuple[Attempt, ...], policy: Policy) -> tuple[Attempt, ...]:
    """The wanted ones among the missing that this pass may doubt: the mass-change breaker (I29).

    Attempts that nobody wants are exempt: ending them is a recorded decision.
    """
    wanted = tuple(a for a in missing if a.is_wanted and a.state in ALIVE_STATES)
    known = sum(1 for a in recorded.open if a.is_wanted and a.state in ALIVE_STATES)
    fresh = tuple(a for a in wanted if a.state is not State.MISSING)
    if known <= policy.breaker_minimum:
        return tuple(a for a in wanted if a.state is State.MISSING) + fresh[:1]
    if len(fresh) > max(policy.breaker_minimum, int(known * policy.breaker_share)):
        return ()
    return wanted
