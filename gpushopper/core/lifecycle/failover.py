"""Decides failover: when an attempt failed, retry the offer, take the next one, or end the session (S11, S12)."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.core.model.actions import EndSession, StartAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session, current
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree, us

FATAL_REASONS = frozenset({"key_rejected", "insufficient_credit", "local_error"})
"""Reasons that end the session: every other offer of the same account would fail alike."""

IMAGE_REFUSED = "image_refused"
"""A host reports that the registry refused the image. All hosts use the same registry, but a report may be wrong."""

RETRY_SAME_OFFER = frozenset({"never_sent", "throttled"})
"""Reasons after which the same offer is tried again, without using up a retry: it was not at fault."""


def may_fail_over(attempt: Attempt) -> bool:
    """Whether another attempt may start beside this one: it is closed, or it is being destroyed and off (F10).

    Not while a create is uncertain: its instance may still appear. Checked for every earlier attempt, and again in the
    transaction that sends, because an instance that was off may have been seen again.
    """
    if attempt.state is State.CLOSED:
        return True
    return not attempt.is_wanted and attempt.state is State.DESTROYING and attempt.off_at is not None


def _waiting_since(attempts: Sequence[Attempt]) -> int:
    """Wall µs at which the row of attempts on the same offer began that ends with the latest; 0 where there is none."""
    since = 0
    for attempt in sorted(attempts, key=lambda a: a.ordinal, reverse=True):
        if attempt.reason not in RETRY_SAME_OFFER:
            break
        since = attempt.prepared_at
    return since


def next_attempt(
    session: Session, attempts: Sequence[Attempt], now: ClockSnapshot, policy: Policy
) -> StartAttempt | EndSession | None:
    """Start the session's next attempt, end the session, or None: an attempt is open and bars the next one."""
    latest = current(attempts)
    if session.desired_state is not DesiredState.RUNNING or latest is None or (latest.is_wanted and latest.is_open):
        return None
    if latest.reason in FATAL_REASONS or _is_refused_everywhere(session, latest, attempts):
        return EndSession(session, latest.reason)
    # With a wrong clock the next attempt would get a wrong deadline: wait until the clocks agree (I12).
    if clocks_disagree(now) or not all(may_fail_over(attempt) for attempt in attempts):
        return None
    if session.deadline_at is not None and now.wall >= session.deadline_at:
        return EndSession(session, "deadline")
    return _retry(session, latest, attempts, now, policy)


def _is_refused_everywhere(session: Session, latest: Attempt, attempts: Sequence[Attempt]) -> bool:
    """Whether two hosts report that the image was refused, or no other host is left: one report may be wrong."""
    if latest.reason != IMAGE_REFUSED:
        return False
    return len(_refused_at(attempts)) > 1 or session.retries_left <= 0 or not _offers_on_other_hosts(session, attempts)


def _refused_at(attempts: Sequence[Attempt]) -> set[str]:
    return {a.offer.host_id for a in attempts if a.reason == IMAGE_REFUSED and a.offer.host_id}


def _offers_on_other_hosts(session: Session, attempts: Sequence[Attempt]) -> tuple[Offer, ...]:
    """The offers still untried, without those on a host that reported the image refused."""
    refused = _refused_at(attempts)
    return tuple(offer for offer in session.shortlist if offer.host_id not in refused)


def _retry(
    session: Session, latest: Attempt, attempts: Sequence[Attempt], now: ClockSnapshot, policy: Policy
) -> StartAttempt | EndSession:
    """Start the next attempt, unless the request is older than `prepared_max_age_s`: its user no longer waits."""
    max_age = us(policy.prepared_max_age_s)
    if latest.terminate_requested_at is not None and now.wall - latest.terminate_requested_at > max_age:
        return EndSession(session, "request_expired", "the attempt before ended too slowly to go on unattended")
    if latest.reason in RETRY_SAME_OFFER:
        if now.wall - _waiting_since(attempts) > max_age:
            return EndSession(session, "request_expired", "the request is too old to go on unattended")
        return StartAttempt(session, latest.offer, session.shortlist, uses_retry=False)
    if session.retries_left <= 0:
        return EndSession(session, "retries_exhausted", f"the last attempt ended with {latest.reason}")
    shortlist = _offers_on_other_hosts(session, attempts)
    if not shortlist:
        return EndSession(session, "offers_exhausted", f"the last attempt ended with {latest.reason}")
    return StartAttempt(session, shortlist[0], shortlist[1:], uses_retry=True)
