"""Circuit breaker: decides whether a list that lacks many instances is accepted, or ignored as incomplete (I29).

The engine raises the alarm `mass_disappearance` by it (`engine/account/listing/list_verification.py`).
"""

from __future__ import annotations

from collections.abc import Container

from gpushopper.core.lifecycle.evidence import lists_may_lag
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot


def is_unlisted_yet(attempt: Attempt, listed: Container[str], now: ClockSnapshot, policy: Policy) -> bool:
    """Whether no list has shown its instance (`listed`: ids shown so far), and lists may lag behind its create."""
    return lists_may_lag(attempt, now, policy) and attempt.instance_id not in listed


def newly_missing(
    missing: tuple[Attempt, ...], listed: Container[str], now: ClockSnapshot, policy: Policy
) -> tuple[Attempt, ...]:
    """The wanted attempts among these that were present until now: until they are read by id, the list is unverified.

    Once a by-id read has agreed with the list, they are in state missing, and no longer count against it. Neither does
    one that need not be listed yet, even if a by-id read has found it: its create was answered while the pages were
    read, or the list is behind.
    """
    present = (State.BOOTING, State.RUNNING, State.INTERRUPTED)
    wanted = (a for a in missing if a.is_wanted and a.state in present)
    return tuple(a for a in wanted if not is_unlisted_yet(a, listed, now, policy))


def accepted_missing(recorded: RecordedState, missing: tuple[Attempt, ...], policy: Policy) -> tuple[Attempt, ...]:
    """The wanted attempts among these that this list may mark missing; the breaker holds back the others (I29).

    At most `breaker_share` of the known ones, and at least `breaker_minimum`, may go missing with one list. Attempts
    whose desired state is terminated neither count nor trip the breaker: their end is a recorded decision. Neither do
    those that may have ended themselves: a night's runs end together, and their silence over ssh agrees (E5). Each is
    still read by id, and none is destroyed for being missing.
    """
    wanted = tuple(a for a in missing if a.is_wanted and a.state in ALIVE_STATES)
    explained = tuple(a for a in wanted if a.id in recorded.may_have_ended)
    others = tuple(a for a in wanted if a.id not in recorded.may_have_ended)
    known = sum(1 for a in recorded.open if a.is_wanted and a.state in ALIVE_STATES) - len(explained)
    fresh = tuple(a for a in others if a.state is not State.MISSING)
    if known <= policy.breaker_minimum:
        return explained + tuple(a for a in others if a.state is State.MISSING) + fresh[:1]
    if len(fresh) > max(policy.breaker_minimum, int(known * policy.breaker_share)):
        return explained
    return explained + others
