"""Why: what is known of a session's use, what would end it and when, who carries it out, and what is not known."""

from __future__ import annotations

from dataclasses import asdict

from gpushopper import wire
from gpushopper.core.lifecycle.ends.limits_line import limit_of
from gpushopper.core.lifecycle.ends.use_history import last_used, latest_sample, spans, used_signals
from gpushopper.core.lifecycle.guard_rule import enforcers
from gpushopper.core.model.attempt import Attempt, DesiredState
from gpushopper.core.model.ends.agent_report import SIGNALS
from gpushopper.core.model.ends.heartbeat_row import HeartbeatRow
from gpushopper.core.model.session import Session, current
from gpushopper.core.spending.budget_alarms import stops
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND, us
from gpushopper.core.timing.duration_text import span
from gpushopper.engine.context import Context
from gpushopper.engine.money.standings import load_standings
from gpushopper.engine.requests.session_lookup import find
from gpushopper.engine.requests.session_view import session_view
from gpushopper.store import sessions
from gpushopper.store.instances import heartbeats
from gpushopper.store.instances.run_ends import run_ends_of

DAY = 24 * HOUR
GAP_HEARTBEATS = 4
"""More than so many heartbeats missing, as after a sleep of this computer, is a time of which nothing is known."""


def why(ctx: Context, ref: str, *, replay: bool = False) -> wire.WhyView:
    """The session's newest attempt, explained; with `replay` also its whole history of use.

    Raises:
        NotFound: no session is meant by `ref`.
    """
    with ctx.store.read():
        session = find(ctx, ref)
        attempt = current(sessions.attempts_of(ctx.store, session.id))
        now = ctx.clock.now().wall
        rows = [] if attempt is None else heartbeats.history(ctx.store, attempt.id, 0 if replay else now - DAY)
    view = session_view(ctx, session)
    sample, unwatched = latest_sample(rows), _unwatched(view, now)
    gap_us = max(us(GAP_HEARTBEATS * ctx.policy.heartbeat_interval_s), us(2 * 60))
    return wire.WhyView(
        session=session.id,
        name=session.name,
        status=view.status,
        reason=view.reason,
        now=now,
        heartbeat_at=view.heartbeat_at,
        sampled_at=None if sample is None else sample.at,
        idle_us=None if sample is None or sample.idle_s is None else sample.idle_s * SECOND,
        unwatched=unwatched,
        ending_reason=view.ending_reason,
        ending_at=view.ending_at,
        self_ended_at=view.self_ended_at,
        ignored_ends=view.ignored_ends,
        signals=[_signal(name, rows, sample) for name in SIGNALS],
        ends=_ends(ctx, session, attempt, None if unwatched else sample),
        history=[wire.UseSpan(**{**asdict(use), "used": list(use.used)}) for use in spans(rows, gap_us) if replay],
    )


def _unwatched(view: wire.SessionView, now: int) -> str:
    """Why its use is not known now; empty where it is, or no question."""
    if view.status != "running":
        return ""
    if view.health not in ("", "ok"):
        since = "" if view.heartbeat_at is None else f" for {span(now - view.heartbeat_at)}"
        return f"no heartbeat{since}: it is {view.health.replace('_', ' ')}"
    return view.limits.unwatched


def _signal(name: str, rows: list[HeartbeatRow], sample: HeartbeatRow | None) -> wire.SignalView:
    if sample is None:
        return wire.SignalView(name, used_at=last_used(rows, name))
    values = {"gpu": sample.gpu_load, "cpu": sample.cpu_milli, "network": sample.network_bps}
    return wire.SignalView(name, values.get(name), name in used_signals(sample), last_used(rows, name))


def _ends(ctx: Context, session: Session, attempt: Attempt | None, sample: HeartbeatRow | None) -> list[wire.EndView]:
    """All that may end it, the deadline first; nothing once its end was requested. `sample`: one that still holds."""
    if attempt is None or session.desired_state is not DesiredState.RUNNING:
        return []
    kind = ctx.ending_of(attempt.provider).kind
    enforced = enforcers(attempt, kind)
    found = [wire.EndView("deadline", attempt.deadline.wall, enforced)]
    by = "I" if "I" in enforced.split("+") else "D"
    found += _measured(ctx, session, attempt, sample, by)
    for run in run_ends_of(ctx.store, session.id):
        limit = run.hold_us if run.with_pull and run.hold_us else us(ctx.policy.run_grace_s)
        note = f"{span(us(ctx.policy.failed_run_hold_s))} if it fails" if run.mode == "success" else ""
        found.append(wire.EndView("run", None, by, limit, run.run_id, note))
    return found + _budget_ends(ctx, session)


def _budget_ends(ctx: Context, session: Session) -> list[wire.EndView]:
    """The budgets that would end it at the present rates; `run` names the budget."""
    found = [
        (each.budget.name, end.at)
        for each in filter(stops, load_standings(ctx, ctx.clock.now().wall))
        for end in each.ends
        if end.session_id == session.id
    ]
    return [wire.EndView("budget", at, "D", run=name) for name, at in found]


def _measured(
    ctx: Context, session: Session, attempt: Attempt, sample: HeartbeatRow | None, by: str
) -> list[wire.EndView]:
    """Idle and contact; without a sample it is not known when they would act."""
    warning, there = us(ctx.policy.end_warning_s), attempt.confirmed_limits
    idle_since = None if sample is None or sample.idle_s is None else sample.at - sample.idle_s * SECOND
    found = []
    idle = session.idle_us or limit_of(there, "idle")
    if idle is not None:
        at = None if idle_since is None else idle_since + idle + warning
        found.append(wire.EndView("idle", at, by, idle, note=_note(session.idle_us, limit_of(there, "idle"))))
    contact, disuse = session.contact_us or limit_of(there, "contact"), session.disuse_us or 0
    if contact is not None:
        heard = attempt.heartbeat_at
        at = None if idle_since is None or heard is None else max(heard + contact, idle_since + disuse) + warning
        found.append(
            wire.EndView("contact", at, by, contact, note=_note(session.contact_us, limit_of(there, "contact")))
        )
    return found


def _note(asked: int | None, there: int | None) -> str:
    if asked == there:
        return ""
    return "the instance does not have this limit yet" if there is None else "the instance still has another limit"
