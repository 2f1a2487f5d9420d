"""The rules of the clock over everything that is open, on the database alone (architecture 6)."""

from __future__ import annotations

from collections import Counter, defaultdict

from gpushopper.core.lifecycle.failover import next_step
from gpushopper.core.lifecycle.sightings import clock_rules
from gpushopper.core.model.actions import Action, Clear, Close, Raise, StartAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, ReceiptKind, State
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.store import alarms, sessions
from gpushopper.store.sqlite.error_mapping import Stale


def keep_time(ctx: Context, moments: dict[str, ClockSnapshot], paces: dict[str, float], now: ClockSnapshot) -> bool:
    """Apply the clock rules and each session's next move; whether anything changed.

    `moments` holds, by provider, this moment with that provider's date as witness; `paces` the seconds from one end
    to the next.
    """
    with ctx.store.read():
        held = sessions.load_sessions(ctx.store, open_only=True)
        by_session: dict[str, list[Attempt]] = defaultdict(list)
        opened = sessions.load_attempts(ctx.store)
        for attempt in opened:
            by_session[attempt.session_id].append(attempt)
        standing = alarms.active_alarms(ctx.store)
    changed = False
    queues = _queues(opened, paces)
    for session in held:
        at, queue_s = moments.get(session.provider, now), queues.get(session.provider, 0.0)
        todo = [a for a in _due(ctx, session, by_session[session.id], at, queue_s) if not _is_idle(a, standing)]
        changed = _run(ctx, todo, at) or changed
    return changed


def _is_idle(action: Action, standing: set[tuple[str, str]]) -> bool:
    """Whether an alarm already stands, or is not there to clear: most passes change nothing, and must cost nothing."""
    match action:
        case Raise():
            return (action.kind, action.subject) in standing
        case Clear():
            return (action.kind, action.subject) not in standing
        case _:
            return False


def _queues(opened: list[Attempt], paces: dict[str, float]) -> dict[str, float]:
    """By provider: how many seconds the ends under way may keep one of them waiting."""
    ending = Counter(attempt.provider for attempt in opened if attempt.state is State.DESTROYING)
    return {name: (count - 1) * paces.get(name, 0.0) for name, count in ending.items()}


def _due(ctx: Context, session: Session, opened: list[Attempt], now: ClockSnapshot, queue_s: float) -> list[Action]:
    todo: list[Action] = []
    for attempt in opened:
        todo += clock_rules(session, attempt, now, ctx.policy, queue_s)
        todo += _never_sent(attempt, now, ctx.policy)
    lives = any(a.is_wanted for a in opened)
    if session.desired_state is DesiredState.RUNNING and not lives:
        step = next_step(session, sessions.attempts_of(ctx.store, session.id), now, ctx.policy)
        # A deadline is written only by a clock that the provider's could contradict: after a start not yet (I12, F62).
        is_early = isinstance(step, StartAttempt) and not now.was_answered
        todo += [step] if step is not None and not is_early else []
    return todo


def _never_sent(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """An intention that could not be sent for too long is given up: its reserve blocks others (F7, S12)."""
    if attempt.state is not State.PREPARED or now.wall - attempt.prepared_at < us(policy.prepared_max_age_s):
        return []
    return [Close(attempt, ReceiptKind.NEVER_SENT, "never_sent", attempt.prepared_at, {})]


def _run(ctx: Context, todo: list[Action], now: ClockSnapshot) -> bool:
    if not todo:
        return False
    before = ctx.store.last_change
    try:
        with ctx.store.transaction():
            Transaction(ctx, now).run(todo)
    except Stale:
        return True
    return ctx.store.last_change != before


def next_clock(ctx: Context, now: ClockSnapshot) -> int:
    """Boot-clock µs when a clock rule can next have something to say; at most a minute ahead."""
    dues = [now.boot + us(60)]
    for attempt in sessions.load_attempts(ctx.store):
        dues += [now.boot + max(wall - now.wall, us(0.05)) for wall in _walls(attempt, ctx.policy) if wall > now.wall]
        if attempt.state is State.INTERRUPTED and attempt.interrupted_boot is not None:
            dues.append(attempt.interrupted_boot + us(ctx.policy.interrupted_grace_s))
    # What is past has been decided: a session that may stay stopped must not keep the clock running.
    return min(due for due in dues if due > now.boot)


def _walls(attempt: Attempt, policy: Policy) -> list[int]:
    walls = [attempt.deadline.wall] if attempt.is_wanted else []
    match attempt.state:
        case State.DESTROYING:
            walls += [attempt.state_changed_at + us(s) for s in policy.destroy_alarms_s]
        case State.UNCERTAIN:
            walls.append(attempt.state_changed_at + us(policy.uncertain_alarm_s))
        case State.PREPARED:
            walls.append(attempt.prepared_at + us(policy.prepared_max_age_s))
        case State.MISSING if attempt.missing_at is not None:
            walls.append(attempt.missing_at + us(policy.suspect_alarm_s))
    return walls
