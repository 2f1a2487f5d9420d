"""Decides failover: when an attempt failed, retry the offer, take the next one, or end the session (S11, S12).

The next offer may be at another cloud, and is once two of one cloud have failed in a row; an attempt whose instance
may exist bars it at every cloud (I2, F10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gpushopper.core.lifecycle.account_choice import (
    AccountState,
    LookAt,
    elsewhere_first,
    image_at,
    why_not_now,
    why_unsuitable,
)
from gpushopper.core.model.actions import Choice, EndSession, StartAttempt, TerminateAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session, current
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree, us

FATAL_REASON = "local_error"
"""Ends the session: every other offer would fail alike."""

ACCOUNT_REASONS = frozenset({"key_rejected", "insufficient_credit", "no_guard"})
"""Reasons that end one account's part: its other offers would fail alike, those of other accounts need not."""

IMAGE_REFUSED = "image_refused"
"""A host reports that the registry refused the image. All hosts use the same registry, but a report may be wrong."""

RETRY_SAME_OFFER = frozenset({"never_sent", "throttled"})
"""Reasons after which the same offer is tried again, without using up a retry: it was not at fault."""

OTHER_HOST = frozenset({"boot_timeout", "boot_failed", "ssh_timeout", "create_not_found"})
"""Reasons after which a type may be tried again, once nothing else is left: another host of it may do better."""

PASSED_OVER = "passed_over"
"""Reason of an attempt that was prepared and never sent, because its account could not rent."""


def may_fail_over(attempt: Attempt) -> bool:
    """Whether another attempt may start beside this one: it is closed, or it is being destroyed and off (F10).

    Not while a create is uncertain: its instance may still appear, and two would bill, at whichever clouds. Checked for
    every earlier attempt, and again in the transaction that sends, because an instance that was off may have been seen
    again.
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
    session: Session, attempts: Sequence[Attempt], look: LookAt, now: ClockSnapshot, policy: Policy
) -> StartAttempt | EndSession | None:
    """Start the session's next attempt, end the session, or None: an attempt is open and bars the next one."""
    latest = current(attempts)
    if session.desired_state is not DesiredState.RUNNING or latest is None or (latest.is_wanted and latest.is_open):
        return None
    step = _Step(session, attempts, latest, look)
    if latest.reason == FATAL_REASON or (latest.reason in _NEEDS_ANOTHER and not step.others):
        return EndSession(session, latest.reason)
    if not all(may_fail_over(attempt) for attempt in attempts) or step.is_clock_wrong():
        return None
    if session.deadline_at is not None and now.wall >= session.deadline_at:
        return EndSession(session, "deadline")
    return step.expired(now, policy) or step.start()


def give_way(
    session: Session, attempts: Sequence[Attempt], look: LookAt, now: ClockSnapshot, policy: Policy
) -> TerminateAttempt | None:
    """Pass over an attempt that waits to be sent, once its account has been unable to rent for `degraded_after_s`.

    Only where an offer elsewhere can be rented now. Nothing was sent for it, so nothing can exist.
    """
    latest = current(attempts)
    if latest is None or latest.state is not State.PREPARED or not latest.is_wanted:
        return None
    if now.wall - latest.prepared_at < us(policy.degraded_after_s):
        return None
    state = look(latest.provider)
    unable = why_unsuitable(session, state) if state is None else why_not_now(state)
    if not unable or not any(_is_able(offer, look) for offer in _Step(session, attempts, latest, look).others):
        return None
    return TerminateAttempt(latest, PASSED_OVER, f"attempt {latest.ordinal} is passed over: {unable}")


_NEEDS_ANOTHER = ACCOUNT_REASONS | {IMAGE_REFUSED}
"""Reasons that the session ends with at once where no other offer is left that they do not rule out."""


def _is_able(offer: Offer, look: LookAt) -> bool:
    state = look(offer.provider)
    return state is not None and not why_not_now(state)


class _Step:
    """What one decision looks at: the offers that are left, and whether their accounts can rent."""

    def __init__(self, session: Session, attempts: Sequence[Attempt], latest: Attempt, look: LookAt) -> None:
        self.session = session
        self.attempts = attempts
        self.latest = latest
        self.look = look
        untried = offers_left(session, attempts, look) if session.retries_left > 0 else ()
        self.unsuitable = {o.provider: why for o in untried if (why := why_unsuitable(session, look(o.provider)))}
        self.others = tuple(offer for offer in untried if offer.provider not in self.unsuitable)

    @property
    def is_same_offer(self) -> bool:
        return self.latest.reason in RETRY_SAME_OFFER

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What may be tried now, in order."""
        others = elsewhere_first(self.others, self.session, self.attempts)
        return (self.latest.offer, *others) if self.is_same_offer else others

    def is_clock_wrong(self) -> bool:
        """With a wrong clock the next attempt would get a wrong deadline: wait until one cloud's agrees (I12)."""
        state = self.look(self.latest.provider)
        if state is None or not clocks_disagree(state.at):
            return False
        return not any(_is_able(offer, self.look) for offer in self.offers)

    def expired(self, now: ClockSnapshot, policy: Policy) -> EndSession | None:
        """The end of a request that is older than `prepared_max_age_s`: its user no longer waits."""
        max_age, asked = us(policy.prepared_max_age_s), self.latest.terminate_requested_at
        if asked is not None and now.wall - asked > max_age:
            text = "the attempt before ended too slowly to go on unattended"
            return EndSession(self.session, "request_expired", text)
        if self.is_same_offer and now.wall - _waiting_since(self.attempts) > max_age:
            return EndSession(self.session, "request_expired", "the request is too old to go on unattended")
        return None

    def start(self) -> StartAttempt | EndSession | None:
        """Start at the first account that can rent now; where none can, wait for the first of them."""
        able = [offer for offer in self.offers if _is_able(offer, self.look)]
        if not able:
            return self._start_unable()
        before = self.offers[: self.offers.index(able[0])]
        return self._at(able, self._why_not(before))

    def _start_unable(self) -> StartAttempt | EndSession | None:
        for offer in self.offers:
            state = self.look(offer.provider)
            if state is not None:
                is_early = clocks_disagree(state.at) or not state.at.provider_answered
                return None if is_early else self._at([offer], {})
        return self._exhausted()

    def _exhausted(self) -> EndSession:
        text = f"the last attempt ended with {self.latest.reason}"
        if self.session.retries_left <= 0:
            return EndSession(self.session, "retries_exhausted", text)
        left_out = "".join(f"; left out: {why}" for why in self.unsuitable.values())
        return EndSession(self.session, "offers_exhausted", text + left_out)

    def _at(self, offers: Iterable[Offer], not_now: dict[str, str]) -> StartAttempt:
        states = ((offer, self.look(offer.provider)) for offer in offers)
        choices = tuple(self._choice(offer, state) for offer, state in states if state is not None)
        return StartAttempt(self.session, choices, tuple((self.unsuitable | not_now).items()))

    def _choice(self, offer: Offer, state: AccountState) -> Choice:
        image = image_at(self.session.image, state.traits)
        is_retried = self.is_same_offer and offer is self.latest.offer
        left = self.session.shortlist if is_retried else self._left_without(offer)
        return Choice(offer, state.account, image, state.at, left, uses_retry=not is_retried)

    def _left_without(self, taken: Offer) -> tuple[Offer, ...]:
        """The untried offers for later attempts; a type that was tried is found again in the attempts."""
        stored = {id(offer) for offer in self.session.shortlist}
        return tuple(offer for offer in self.others if id(offer) in stored and offer is not taken)

    def _why_not(self, offers: Iterable[Offer]) -> dict[str, str]:
        states = {offer.provider: self.look(offer.provider) for offer in offers}
        return {name: why_not_now(state) for name, state in states.items() if state is not None}


def offers_left(session: Session, attempts: Sequence[Attempt], look: LookAt) -> tuple[Offer, ...]:
    """The offers still untried, without what a refusal rules out; then the types of which another host may do.

    Ruled out are offers of an account whose part has ended, on a host that reported its image refused, and with an
    image that two hosts have refused: one report may be wrong.
    """
    ended = {attempt.provider for attempt in attempts if attempt.reason in ACCOUNT_REASONS}
    reports = [a for a in attempts if a.reason == IMAGE_REFUSED and a.offer.host_id]
    refused = {(a.image, a.provider, a.offer.host_id) for a in reports}
    images = [image for image, _, _ in refused]

    def is_left(offer: Offer) -> bool:
        state = look(offer.provider)
        image = image_at(session.image, None if state is None else state.traits)
        at_host = (image, offer.provider, offer.host_id)
        return offer.provider not in ended and at_host not in refused and images.count(image) < 2

    return tuple(filter(is_left, (*session.shortlist, *_types_again(session, attempts))))


def _types_again(session: Session, attempts: Sequence[Attempt]) -> Iterable[Offer]:
    """The types that were tried and are not used up, in order: a type is many hosts, an offer of one host is one."""
    tried = [attempt.offer for attempt in attempts if not attempt.offer.is_single]
    bad = {a.offer.key for a in attempts if a.reason not in OTHER_HOST}
    untried = {offer.key for offer in session.shortlist}
    for key, offer in {offer.key: offer for offer in tried}.items():
        count = sum(each.key == key for each in tried)
        if key not in bad | untried and (offer.stock is None or count < offer.stock):
            yield offer
