"""Lifecycle job: apply deadlines, time limits and failover to all open sessions, on the database alone (I9)."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

from gpushopper.core.lifecycle.account_choice import LookAt
from gpushopper.core.lifecycle.clock_rules import clock_rules
from gpushopper.core.lifecycle.ends.early_end import allowed_ends
from gpushopper.core.lifecycle.failover import give_way, next_attempt
from gpushopper.core.model.actions import Action, ClearAlarm, CloseAttempt, RaiseAlarm
from gpushopper.core.model.attempt import Attempt, DesiredState, ReceiptKind, State
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.store import alarms, sessions
from gpushopper.store.instances.run_ends import run_ends_by_session
from gpushopper.store.sqlite.error_mapping import Stale


def apply_clock_rules(ctx: Context, look: LookAt, destroy_intervals_s: dict[str, float], now: ClockSnapshot) -> bool:
    """Apply the clock rules and each session's failover; whether anything changed.

    `look` gives the state of an account, with `now` and its cloud's date; `destroy_intervals_s` holds, by provider, the
    seconds that its rate limit puts between two destroys.
    """
    with ctx.store.read():
        held = sessions.load_sessions(ctx.store, open_only=True)
        by_session: dict[str, list[Attempt]] = defaultdict(list)
        opened = sessions.load_attempts(ctx.store)
        for attempt in opened:
            by_session[attempt.session_id].append(attempt)
        active = alarms.active_alarms(ctx.store)
        runs = run_ends_by_session(ctx.store)
    changed = False
    queues = _destroy_queues_s(opened, destroy_intervals_s)
    look = cache(look)
    for session in held:
        for attempt in by_session[session.id]:
            state = look(attempt.provider)
            at = now if state is None else state.at
            allowed = allowed_ends(session, attempt, runs.get(session.id, ()))
            todo = _due(ctx, session, attempt, at, queues.get(attempt.provider, 0.0), allowed)
            changed = _run(ctx, [action for action in todo if not _is_idle(action, active)], at) or changed
        changed = _run(ctx, _next_step(ctx, session, by_session[session.id], look, now), now) or changed
    return changed


def _is_idle(action: Action, active: set[tuple[str, str]]) -> bool:
    """Whether it raises an active alarm or clears an inactive one: most passes change and write nothing."""
    match action:
        case RaiseAlarm():
            return (action.kind, action.subject) in active
        case ClearAlarm():
            return (action.kind, action.subject) not in active
        case _:
            return False


def _destroy_queues_s(opened: list[Attempt], intervals_s: dict[str, float]) -> dict[str, float]:
    """By provider: how many seconds one destroy may have to wait for the others under way."""
    ending = Counter(attempt.provider for attempt in opened if attempt.state is State.DESTROYING)
    return {name: (count - 1) * intervals_s.get(name, 0.0) for name, count in ending.items()}


def _due(
    ctx: Context,
    session: Session,
    attempt: Attempt,
    now: ClockSnapshot,
    queue_s: float,
    allowed: frozenset[str],
) -> list[Action]:
    """What time alone decides of one attempt; `now` is with its own cloud's date."""
    policy = ctx.policy_of(attempt.provider)
    return [*clock_rules(session, attempt, now, policy, queue_s, allowed), *_never_sent(attempt, now, policy)]


def _next_step(ctx: Context, session: Session, opened: list[Attempt], look: LookAt, now: ClockSnapshot) -> list[Action]:
    """The session's failover; `opened` are its open attempts as read before this pass."""
    if session.desired_state is not DesiredState.RUNNING:
        return []
    wanted = [attempt for attempt in opened if attempt.is_wanted]
    if any(attempt.state is not State.PREPARED for attempt in wanted):
        return []
    decide = give_way if wanted else next_attempt
    step = decide(session, sessions.attempts_of(ctx.store, session.id), look, now, ctx.policy)
    return [] if step is None else [step]


def _never_sent(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """A create that could not be sent for too long is closed: its reserve blocks other sessions (F7, S12)."""
    if attempt.state is not State.PREPARED or now.wall - attempt.prepared_at < us(policy.prepared_max_age_s):
        return []
    return [CloseAttempt(attempt, ReceiptKind.NEVER_SENT, "never_sent", attempt.prepared_at, {})]


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


def next_due(ctx: Context, now: ClockSnapshot) -> int:
    """Boot-clock µs when a clock rule can next change something; at most a minute ahead."""
    dues = [now.boot + us(60)]
    for attempt in sessions.load_attempts(ctx.store):
        policy = ctx.policy_of(attempt.provider)
        walls = [wall for wall in _due_times(attempt, policy) if wall > now.wall]
        dues += [now.boot + max(wall - now.wall, us(0.05)) for wall in walls]
        if attempt.state is State.INTERRUPTED and attempt.interrupted_boot is not None:
            dues.append(attempt.interrupted_boot + us(policy.interrupted_grace_s))
    # Rules whose time is past were applied: a session that may stay stopped must not make this due all the time.
    return min(due for due in dues if due > now.boot)


def _due_times(attempt: Attempt, policy: Policy) -> list[int]:
    """When, wall µs, a rule about this attempt becomes due."""
    walls = []
    if attempt.is_wanted:
        before_s = (0.0, policy.land_for_s, *policy.deadline_warnings_s)
        walls = [attempt.deadline.wall - us(s) for s in before_s]
    match attempt.state:
        case State.DESTROYING:
            walls += [attempt.state_changed_at + us(s) for s in policy.destroy_alarms_s]
        case State.UNCERTAIN:
            walls.append(attempt.state_changed_at + us(policy.uncertain_alarm_s))
        case State.PREPARED:
            walls.append(attempt.prepared_at + us(policy.prepared_max_age_s))
        case State.MISSING if attempt.missing_at is not None:
            walls.append(attempt.missing_at + us(policy.missing_alarm_s))
            if attempt.silent_since is not None:
                walls.append(attempt.silent_since + us(policy.self_ended_window_s))
            if attempt.ending_at is not None:
                walls.append(attempt.ending_at)
    return walls
