"""What time alone decides for an attempt."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core import alarms
from gpushopper.core.lifecycle.destroying import destroying_fields
from gpushopper.core.model.actions import Action, ClearAlarm, EndSession, EventDraft, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState, State
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.deadline import DeadlineStatus, deadline_status


def clock_rules(
    session: Session, attempt: Attempt, now: ClockSnapshot, policy: Policy, queue_s: float = 0.0
) -> list[Action]:
    """What time alone decides: needs no provider, so no outage can delay it (I9, I11).

    `queue_s` is how long the other ends of the account may keep this one waiting, at the provider's pace.
    """
    actions: list[Action] = []
    if not attempt.is_wanted and attempt.state in ALIVE_STATES:
        # However it came to be here, its destroy must not wait for a list (I8, I9).
        actions.append(
            UpdateAttempt(attempt, destroying_fields(now), EventDraft("destroying", "it is not wanted any more"))
        )
    if attempt.is_wanted and session.desired_state is DesiredState.RUNNING:
        actions += _deadline(session, attempt, now)
        actions += _interruption(session, attempt, now, policy)
    actions += _overdue_alarms(session, attempt, now, policy, us(queue_s))
    return actions


def _deadline(session: Session, attempt: Attempt, now: ClockSnapshot) -> list[Action]:
    last = min(attempt.deadline.wall, attempt.hard_max_at)
    match deadline_status(replace(attempt.deadline, wall=last), now):
        case DeadlineStatus.PASSED:
            hard = attempt.deadline.wall >= attempt.hard_max_at
            return [
                EndSession(session, "hard_maximum" if hard else "deadline", f"{session.name}: its time is up"),
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
    """Alarms on attempts that stay too long in a doubtful state; a longer wait never quietens them (D6)."""
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
        case State.MISSING if attempt.missing_at is not None and now.wall - attempt.missing_at >= us(
            policy.missing_alarm_s
        ):
            text = f"{session.name}: the provider does not show instance {attempt.instance_id}"
            return [RaiseAlarm.with_hint(alarms.MISSING, attempt.id, text)]
        case _:
            return []


def _unproven_alarm(session: Session, attempt: Attempt, span: int, policy: Policy, queue: int) -> list[Action]:
    """Off: it is not shown, so no slow end is told of; only a proof that has not moved for very long (I27).

    Each unit of the proof is a read that may wait for those of all other ends.
    """
    quiet: list[Action] = [ClearAlarm(kind, attempt.id) for kind in alarms.DESTROY_ALARMS]
    if span < us(policy.destroy_alarms_s[-1]) + policy.gone_observations * queue:
        return quiet
    text = f"{session.name}: instance {attempt.instance_id} is off, but its end is not proven after {_minutes(span)}"
    return [*quiet, RaiseAlarm.with_hint(alarms.END_UNVERIFIED, attempt.id, text)]


def _destroy_alarm(session: Session, attempt: Attempt, age: int, policy: Policy, queue: int) -> list[Action]:
    step = sum(age >= us(limit) + queue for limit in policy.destroy_alarms_s) - 1
    if step < 0:
        return [ClearAlarm(alarms.END_UNVERIFIED, attempt.id)]
    limit = _minutes(us(policy.destroy_alarms_s[step]))
    text = f"{session.name}: instance {attempt.instance_id} is not proven gone after {limit}"
    former = (*alarms.DESTROY_ALARMS[:step], alarms.END_UNVERIFIED)
    return [
        RaiseAlarm.with_hint(alarms.DESTROY_ALARMS[step], attempt.id, text),
        *(ClearAlarm(kind, attempt.id) for kind in former),
    ]


def _minutes(span: int) -> str:
    return f"{span // us(60)} min" if span >= us(60) else f"{span // us(1)} s"


def boot_is_over(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> bool:
    """Whether the boot limit has passed: counted from `sent`, in every state before hand-over (S13, I12)."""
    if attempt.sent_at is None or attempt.ready_at is not None:
        return False
    limit = replace(attempt.deadline, wall=attempt.sent_at + us(policy.boot_timeout_s))
    return deadline_status(limit, now) is DeadlineStatus.PASSED
