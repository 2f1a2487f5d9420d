"""Decides what time alone ends or alarms: deadline, hard maximum, interrupted grace, slow destroys (I9, I11, F18)."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core import alarms
from gpushopper.core.lifecycle.destroying import destroying_fields
from gpushopper.core.lifecycle.ends import landing
from gpushopper.core.lifecycle.ends.early_end import end_as_heard
from gpushopper.core.lifecycle.ends.self_ended import REASON as SELF_ENDED
from gpushopper.core.lifecycle.ends.self_ended import on_absent_and_silent
from gpushopper.core.lifecycle.ends.stopped_end import stopped_as_heard
from gpushopper.core.model.actions import Action, ClearAlarm, EndSession, EventDraft, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState, State
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.deadline import DeadlineStatus, deadline_status


def clock_rules(
    session: Session,
    attempt: Attempt,
    now: ClockSnapshot,
    policy: Policy,
    queue_s: float = 0.0,
    allowed: frozenset[str] = frozenset(),
) -> list[Action]:
    """Apply the rules that need no provider, so that no outage can delay them (I9, I11).

    `queue_s`: seconds that a destroy may wait for the account's other destroys under the provider's rate limit; alarms
    about slow destroys come that much later. `allowed`: the early ends that a row allows (`ends/early_end.py`).
    """
    actions: list[Action] = []
    if not attempt.is_wanted and attempt.state in ALIVE_STATES:
        # Whatever made it so, its destroy must not wait for a list (I8, I9).
        actions.append(
            UpdateAttempt(attempt, destroying_fields(now), EventDraft("destroying", "its desired state is terminated"))
        )
    if attempt.is_wanted and session.desired_state is DesiredState.RUNNING:
        actions += _deadline(session, attempt, now)
        actions += _interruption(session, attempt, now, policy)
        if not any(isinstance(action, EndSession) for action in actions):
            heard = end_as_heard(session, attempt, allowed, now, policy)
            actions += heard or on_absent_and_silent(session, attempt, allowed, now, policy)
            actions += stopped_as_heard(session, attempt, allowed, policy)
        if not any(isinstance(action, EndSession) for action in actions):
            actions += landing.on_clock(session, attempt, now, policy)
            actions += landing.warn_of_deadline(session, attempt, now, policy)
    actions += _overdue_alarms(session, attempt, now, policy, us(queue_s))
    return actions


def _deadline(session: Session, attempt: Attempt, now: ClockSnapshot) -> list[Action]:
    last = min(attempt.deadline.wall, attempt.hard_max_at)
    match deadline_status(replace(attempt.deadline, wall=last), now):
        case DeadlineStatus.PASSED:
            is_hard = attempt.deadline.wall >= attempt.hard_max_at
            reason, what = ("hard_maximum", "hard maximum") if is_hard else ("deadline", "deadline")
            text = f"{session.name}: its {what} has passed"
            if attempt.self_ended_at is not None:
                reason, text = SELF_ENDED, f"{text}; it seems to have ended by itself before"
            return [
                EndSession(session, reason, text),
                ClearAlarm(alarms.CLOCK_SKEW, session.id),
            ]
        case DeadlineStatus.DISPUTED:
            return [
                RaiseAlarm.with_hint(
                    alarms.CLOCK_SKEW, session.id, f"the clocks disagree whether {session.name} is past its deadline"
                )
            ]
        case DeadlineStatus.AHEAD:
            return [ClearAlarm(alarms.CLOCK_SKEW, session.id)]


def _interruption(session: Session, attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    if attempt.state is not State.INTERRUPTED or session.keep_stopped or attempt.interrupted_boot is None:
        return []
    if now.boot - attempt.interrupted_boot < us(policy.interrupted_grace_s):
        return []
    return [EndSession(session, "interrupted", f"{session.name}: stopped by the provider and did not come back")]


def _overdue_alarms(session: Session, attempt: Attempt, now: ClockSnapshot, policy: Policy, queue: int) -> list[Action]:
    """Alarms about an attempt that is destroying, uncertain or missing for too long; they stay (D6)."""
    age = now.wall - attempt.state_changed_at
    match attempt.state:
        case State.DESTROYING if attempt.off_at is not None:
            span = now.wall - attempt.off_at
            if attempt.last_absence_boot is not None:
                span = min(span, now.boot - attempt.last_absence_boot)
            return _unproven_alarm(session, attempt, span, policy, queue)
        case State.DESTROYING:
            return _destroy_alarm(session, attempt, age, policy, queue)
        case State.UNCERTAIN if age >= us(policy.uncertain_alarm_s):
            text = f"{session.name}: unknown for {_minutes(age)} whether its create made an instance"
            return [RaiseAlarm.with_hint(alarms.UNCERTAIN, attempt.id, text)]
        case State.MISSING if (
            attempt.self_ended_at is None
            and attempt.missing_at is not None
            and now.wall - attempt.missing_at >= us(policy.missing_alarm_s)
        ):
            text = f"{session.name}: the provider does not show instance {attempt.instance_id}"
            return [RaiseAlarm.with_hint(alarms.MISSING, attempt.id, text)]
        case _:
            return []


def _unproven_alarm(session: Session, attempt: Attempt, span: int, policy: Policy, queue: int) -> list[Action]:
    """The instance is off: no alarm about a slow destroy, only one where the proof makes no progress for long (I27).

    Each absence needs a read, which may wait for the reads of all other attempts that are destroying.
    """
    cleared: list[Action] = [ClearAlarm(kind, attempt.id) for kind in alarms.DESTROY_ALARMS]
    if span < us(policy.destroy_alarms_s[-1]) + policy.gone_observations * queue:
        return cleared
    text = f"{session.name}: instance {attempt.instance_id} is off, but its end is not proven after {_minutes(span)}"
    return [*cleared, RaiseAlarm.with_hint(alarms.END_UNVERIFIED, attempt.id, text)]


def _destroy_alarm(session: Session, attempt: Attempt, age: int, policy: Policy, queue: int) -> list[Action]:
    step = sum(age >= us(limit) + queue for limit in policy.destroy_alarms_s) - 1
    if step < 0:
        return [ClearAlarm(alarms.END_UNVERIFIED, attempt.id)]
    limit = _minutes(us(policy.destroy_alarms_s[step]))
    text = f"{session.name}: instance {attempt.instance_id} is still not off after {limit}"
    before = (*alarms.DESTROY_ALARMS[:step], alarms.END_UNVERIFIED)
    return [
        RaiseAlarm.with_hint(alarms.DESTROY_ALARMS[step], attempt.id, text),
        *(ClearAlarm(kind, attempt.id) for kind in before),
    ]


def _minutes(span: int) -> str:
    return f"{span // us(60)} min" if span >= us(60) else f"{span // us(1)} s"
