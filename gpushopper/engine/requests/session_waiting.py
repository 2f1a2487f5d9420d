"""What a session waits for before its next step, and until when at the latest (I2, F10)."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.core.lifecycle.failover import may_fail_over
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.session import Session, current
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.context import Context
from gpushopper.secrets.refused_key import refusal, remedy

AN_ACCOUNT = "an account that can rent the next offer"


def waiting(ctx: Context, session: Session, attempts: Sequence[Attempt], now: int) -> tuple[str, int | None]:
    """What the next step waits for, and until when (wall µs) where that is known; `now` is wall µs."""
    attempt = current(attempts)
    if attempt is None:
        return "", None
    barring = next((a for a in attempts if a.id != attempt.id and a.is_open and not may_fail_over(a)), None)
    is_next_due = session.desired_state is DesiredState.RUNNING and attempt.state in (State.PREPARED, State.CLOSED)
    if is_next_due and barring is not None:
        return f"{_name(barring)} at {barring.provider} to be gone: until then nothing is rented, at any cloud", None
    if attempt.state is State.UNCERTAIN:
        return _until_certain(ctx, session, attempt, now)
    return _own(ctx, session, attempt)


def _name(attempt: Attempt) -> str:
    return "the create before" if attempt.instance_id is None else f"instance {attempt.instance_id}"


def _until_certain(ctx: Context, session: Session, attempt: Attempt, now: int) -> tuple[str, int | None]:
    """An uncertain create: its list decides, at every cloud; if the cloud stays dark, until the deadline."""
    policy = ctx.policy_of(attempt.provider)
    awaited = f"{attempt.provider}'s list to show whether it exists"
    proof_s = policy.settle_s + policy.absence_observations * policy.absence_spacing_s
    until = attempt.state_changed_at + us(proof_s)
    if session.desired_state is not DesiredState.RUNNING:
        return awaited, until if until > now else None
    # Lists that do not come count for nothing: then only the deadline ends the wait.
    until = until if until > now else attempt.deadline.wall
    return f"{awaited} (until then nothing is rented, at any cloud)", min(until, attempt.deadline.wall)


def _own(ctx: Context, session: Session, attempt: Attempt) -> tuple[str, int | None]:
    policy = ctx.policy_of(attempt.provider)
    match attempt.state:
        case State.PREPARED:
            return f"its create to be sent{_held_up(ctx, attempt)}", attempt.prepared_at + us(policy.prepared_max_age_s)
        case State.SENT:
            return f"{attempt.provider} to answer", (attempt.sent_at or 0) + us(policy.create_timeout_s)
        case State.BOOTING:
            is_unreachable = attempt.is_running and attempt.probe_error
            why = attempt.probe_error if is_unreachable else attempt.provider_status or "created"
            return f"it to boot ({why})", (attempt.sent_at or 0) + us(policy.boot_timeout_s)
        case State.DESTROYING if attempt.off_at is None:
            return f"{attempt.provider} to stop listing it", None
        case State.DESTROYING:
            return "the proof that it is gone", None
        case State.CLOSED if session.desired_state is DesiredState.RUNNING:
            asked = attempt.terminate_requested_at
            until = None if asked is None else asked + us(policy.prepared_max_age_s)
            return f"{AN_ACCOUNT}{_held_up(ctx, attempt)}", until
        case _:
            return "", None


def _held_up(ctx: Context, attempt: Attempt) -> str:
    """What a person can do about it meanwhile: a refusal ends nothing before it has lasted, and may be a burst's."""
    name = attempt.provider
    if not ctx.refuses_key(name):
        return ""
    source = ctx.key_source(name)
    return f": {refusal(name, source)}; if it goes on: {remedy(name, source)}"
