"""What a wanted session does when its attempt has failed: the next offer, the same again, or the end (S11, S12)."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.core.model.actions import EndSession, StartAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session, current
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree, us

FATAL_REASONS = frozenset({"key_rejected", "insufficient_credit", "local_error"})
"""No other offer of the same account could fare better."""

IMAGE_REFUSED = "image_refused"
"""A host says that the registry refused the image to it. Every host asks the same registry; but it is a host's word."""

RETRY_SAME_OFFER = frozenset({"never_sent", "throttled"})
"""The offer itself was not at fault: try it again, without using up a retry."""


def may_fail_over(attempt: Attempt) -> bool:
    """Whether another attempt may start beside this one: it is gone, or nobody wants it and it is off (F10).

    Never while a create is uncertain: its instance may yet appear. Asked of every earlier attempt, and again in the
    transaction that sends, because what was off may have been seen again in between.
    """
    if attempt.state is State.CLOSED:
        return True
    return not attempt.is_wanted and attempt.state is State.DESTROYING and attempt.off_at is not None


def _waiting_since(attempts: Sequence[Attempt]) -> int:
    """Since when the same offer is being tried in vain: the first of the last attempts in a row that never began."""
    since = 0
    for attempt in sorted(attempts, key=lambda a: a.ordinal, reverse=True):
        if attempt.reason not in RETRY_SAME_OFFER:
            break
        since = attempt.prepared_at
    return since


def next_attempt(
    session: Session, attempts: Sequence[Attempt], now: ClockSnapshot, policy: Policy
) -> StartAttempt | EndSession | None:
    """The session's next move, or None while its attempt lives or still stands in the way."""
    latest = current(attempts)
    if session.desired_state is not DesiredState.RUNNING or latest is None or (latest.is_wanted and latest.is_open):
        return None
    if latest.reason in FATAL_REASONS or _is_refused_everywhere(session, latest, attempts):
        return EndSession(session, latest.reason)
    # A deadline set by a wrong clock would end the next attempt at the wrong time: wait for the clock (I12).
    if clocks_disagree(now) or not all(may_fail_over(attempt) for attempt in attempts):
        return None
    if session.deadline_at is not None and now.wall >= session.deadline_at:
        return EndSession(session, "deadline")
    return _retry(session, latest, attempts, now, policy)


def _is_refused_everywhere(session: Session, latest: Attempt, attempts: Sequence[Attempt]) -> bool:
    """Whether two hosts were refused the image, or no other host can be asked: one may be wrong, or lie."""
    if latest.reason != IMAGE_REFUSED:
        return False
    return len(_refused_at(attempts)) > 1 or session.retries_left <= 0 or not _offers_on_other_hosts(session, attempts)


def _refused_at(attempts: Sequence[Attempt]) -> set[str]:
    return {a.offer.host_id for a in attempts if a.reason == IMAGE_REFUSED and a.offer.host_id}


def _offers_on_other_hosts(session: Session, attempts: Sequence[Attempt]) -> tuple[Offer, ...]:
    """The offers still untried, without those on a host that was refused the image: it would be refused again."""
    refused = _refused_at(attempts)
    return tuple(offer for offer in session.shortlist if offer.host_id not in refused)


def _retry(
    session: Session, latest: Attempt, attempts: Sequence[Attempt], now: ClockSnapshot, policy: Policy
) -> StartAttempt | EndSession:
    """The next attempt of a session whose former ones are out of the way, unless nobody waits for it any more."""
    patience = us(policy.prepared_max_age_s)
    if latest.terminate_requested_at is not None and now.wall - latest.terminate_requested_at > patience:
        return EndSession(session, "request_expired", "the attempt before ended too slowly to go on unattended")
    if latest.reason in RETRY_SAME_OFFER:
        if now.wall - _waiting_since(attempts) > patience:
            return EndSession(session, "request_expired", "the request is too old to go on unattended")
        return StartAttempt(session, latest.offer, session.shortlist, uses_retry=False)
    if session.retries_left <= 0:
        return EndSession(session, "retries_exhausted", f"the last attempt ended with {latest.reason}")
    shortlist = _offers_on_other_hosts(session, attempts)
    if not shortlist:
        return EndSession(session, "offers_exhausted", f"the last attempt ended with {latest.reason}")
    return StartAttempt(session, shortlist[0], shortlist[1:], uses_retry=True)
