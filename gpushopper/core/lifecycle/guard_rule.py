"""Decides whether a session may go without an instance that ends its bill itself: before the create, and when ready.

`--allow-unguarded` excuses a cloud that cannot do better; `--allow-broken-guard` a guard that should work (E9, I10).
"""

from __future__ import annotations

from gpushopper.core.cloud import Ending, EndingKind
from gpushopper.core.lifecycle.guard_renewal import ARMED, SYNC_TOLERANCE
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.session import Session

_BY_ITSELF = frozenset({EndingKind.SELF_DESTROY, EndingKind.POWEROFF_STOPS_BILLING})


def may_rent_unguarded(session: Session, ending: Ending) -> bool:
    """Whether the session may be rented where instances end like this: its user has accepted it, or need not."""
    return ending.ends_bill_alone or session.allow_unguarded


def is_guard_excused(session: Session, kind: EndingKind) -> bool:
    """Whether the session may be ready without a confirmed guard."""
    if kind is EndingKind.SERVER_TIMER:
        return True  # the cloud keeps its word without one
    if kind in _BY_ITSELF:
        return session.allow_broken_guard
    return session.allow_unguarded


def is_timer_in_time(attempt: Attempt) -> bool:
    """Whether the provider's timer is known to end it by its deadline; `guard_deadline_at` is when it does."""
    end = attempt.guard_deadline_at
    return attempt.instance_id is not None and end is not None and end <= attempt.deadline.wall + SYNC_TOLERANCE


def enforcers(attempt: Attempt | None, kind: EndingKind) -> str:
    """Who ends the bill at the deadline: D the daemon, I the instance itself, P the provider's timer; as `D+I`."""
    letters = ["D"]
    if attempt is not None and attempt.guard_state == ARMED and kind in _BY_ITSELF:
        letters.append("I")
    if attempt is not None and kind is EndingKind.SERVER_TIMER and is_timer_in_time(attempt):
        letters.append("P")
    return "+".join(letters)
