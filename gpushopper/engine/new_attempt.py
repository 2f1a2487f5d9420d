"""Build the next attempt of a session: label, deadline, hard maximum and reserve, before anything is written (I1)."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core.lifecycle.guard_renewal import INSTALLED, NOT_APPLICABLE
from gpushopper.core.model.attempt import Attempt, DesiredState, Origin, State
from gpushopper.core.model.label import make_label
from gpushopper.core.model.offer import Offer, with_minimum
from gpushopper.core.model.session import Session
from gpushopper.core.policy import HARD_MAXIMUM_S
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.deadline import Deadline
from gpushopper.engine.context import Context
from gpushopper.store import sessions


def new_attempt(
    ctx: Context, session: Session, offer: Offer, now: ClockSnapshot, *, account: str, image: str
) -> Attempt:
    """The attempt that would be made now; its duration counts from now, a fixed deadline does not move (S19).

    `account` is the id of the offer's account, `image` what is run there.
    """
    attempt_id = ctx.new_id(16)
    offer = with_minimum(offer, ctx.ending_of(offer.provider).minimum_rental_s)
    max_us = HARD_MAXIMUM_S * us(1) if session.max_duration_us is None else session.max_duration_us
    hard_max = now.wall + max_us
    wanted = session.deadline_at if session.deadline_at is not None else now.wall + (session.duration_us or max_us)
    attempt = Attempt(
        id=attempt_id,
        session_id=session.id,
        ordinal=len(sessions.attempts_of(ctx.store, session.id)) + 1,
        provider=offer.provider,
        account=account,
        label=make_label(ctx.installation.id, attempt_id, hard_max),
        origin=Origin.CREATED,
        offer=offer,
        disk_gb=session.disk_gb,
        state=State.PREPARED,
        desired_state=DesiredState.RUNNING,
        reason="",
        version=1,
        deadline=Deadline.at(min(wanted, hard_max), now),
        hard_max_at=hard_max,
        agreed_rate=offer.rate(session.disk_gb),
        reserve=0,
        guard_state=INSTALLED if ctx.policy.needs_login else NOT_APPLICABLE,
        prepared_at=now.wall,
        state_changed_at=now.wall,
        image=image,
    )
    return replace(attempt, reserve=ctx.reserve_for(attempt))
