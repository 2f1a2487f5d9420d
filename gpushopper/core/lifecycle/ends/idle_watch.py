"""Decides whether the use of an instance is watched, and tells when it is idle; unknown is not idle (ends.md E1)."""

from __future__ import annotations

from gpushopper.core import alarms
from gpushopper.core.model.actions import Action, ClearAlarm, EventDraft, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.ends.agent_report import AgentReport
from gpushopper.core.model.heartbeat import Heartbeat
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.duration_text import span

STARTING = "its agent is starting"
NOT_MEASURED, NO_SAMPLE = "not measured: ", "its agent gives no fresh sample"
FIRST_SAMPLE = "time: just started"
"""What an agent says that has looked once: it measures between two looks."""
NO_GUARD, OLD_GUARD = "no guard answers", "its guard is of an older version"
START_TICKS = 12
"""How many ticks of the agent after ready a missing sample is no fault: two minutes."""


def watch_use(
    session: Session, attempt: Attempt, heartbeat: Heartbeat, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Record why the use of a ready instance is not watched, and tell once when it has been idle for long."""
    if not attempt.is_wanted or attempt.ready_at is None:
        return []
    why = unwatched(attempt, heartbeat, now, policy)
    actions = [*_watch_alarm(session, attempt, why)]
    if why != attempt.idle_watch:
        event = None if not why or why == STARTING else EventDraft("unwatched", f"{session.name}: {_not_watched(why)}")
        actions.append(UpdateAttempt(attempt, {"idle_watch": why}, event))
    if not why and heartbeat.agent is not None:
        actions += _idle_note(session, attempt, heartbeat.agent, policy)
    return actions


def unwatched(attempt: Attempt, heartbeat: Heartbeat, now: ClockSnapshot, policy: Policy) -> str:
    """Why idle and contact are not watched, in words; empty where they are."""
    guard, agent, brought = heartbeat.guard, heartbeat.agent, heartbeat.brought
    if guard is None:
        return NO_GUARD
    if not guard.knows_ends:
        return OLD_GUARD
    if brought is not None and brought.problem:
        return brought.problem
    is_new = attempt.ready_at is not None and now.wall - attempt.ready_at < us(START_TICKS * policy.agent_tick_s)
    if agent is None or agent.age_s > policy.agent_stale_s:
        known = attempt.idle_watch
        if known not in ("", STARTING, NO_GUARD, OLD_GUARD) and not known.startswith(NOT_MEASURED):
            return known  # what hindered the last transfer hinders still
        return STARTING if agent is None and is_new else NO_SAMPLE
    if is_new and agent.unknown == (FIRST_SAMPLE,):
        return STARTING
    # One that starts again and again has always just started.
    return NOT_MEASURED + min(agent.unknown, key=lambda why: why == FIRST_SAMPLE) if agent.unknown else ""


def _not_watched(why: str) -> str:
    return f"idle and contact are not watched: {why}"


def _watch_alarm(session: Session, attempt: Attempt, why: str) -> list[Action]:
    is_asked = session.idle_us is not None or session.contact_us is not None
    if not why or not is_asked:
        return [ClearAlarm(alarms.IDLE_UNWATCHED, attempt.id)]
    if why == STARTING:
        return []
    return [RaiseAlarm.with_hint(alarms.IDLE_UNWATCHED, attempt.id, f"{session.name}: {_not_watched(why)}")]


def _idle_note(session: Session, attempt: Attempt, agent: AgentReport, policy: Policy) -> list[Action]:
    """Tell once that it is idle, whether or not that ends it; in use again, it may be told anew."""
    is_idle = agent.idle_s >= policy.idle_note_s
    if is_idle is attempt.is_idle_noted:
        return []
    if not is_idle:
        return [UpdateAttempt(attempt, {"is_idle_noted": False})]
    ends = "nothing ends it before its deadline"
    if session.idle_us is not None:
        ends = f"it is ended after {span(session.idle_us)}"
    text = f"{session.name} has been idle for {span(us(agent.idle_s))}; {ends}"
    return [UpdateAttempt(attempt, {"is_idle_noted": True}, EventDraft("idle", text, {"idle_s": agent.idle_s}))]
