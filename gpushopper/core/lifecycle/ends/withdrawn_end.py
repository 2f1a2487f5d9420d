"""Decides what it means that an instance no longer announces an end: which was withdrawn, and why (ends.md E1, E5).

The cause is told with the event: in use again is what a user hopes for; an agent that gives no fresh sample is not.
"""

from __future__ import annotations

from gpushopper.core.lifecycle.ends.early_end import is_used
from gpushopper.core.lifecycle.ends.end_files import is_ignored
from gpushopper.core.lifecycle.ends.limits_line import limit_of
from gpushopper.core.model.actions import Action, EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.ends.agent_report import AgentReport
from gpushopper.core.model.ends.end_reason import CONTACT, IDLE, NOT_HEARD, RUN_DONE
from gpushopper.core.model.heartbeat import Heartbeat
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import SECOND, ClockSnapshot, us

IN_USE, OTHER_RUNS, LIMITS, NOT_OBEYED, COUNTED_ANEW, UNKNOWN = (
    "in_use", "other_runs", "limits", "not_obeyed", "counted_anew", "unknown",
)  # fmt: skip
"""Causes, in the event's data."""
_TEXT = {
    IN_USE: "it is in use again",
    OTHER_RUNS: "another run is under way",
    LIMITS: "its limits were changed",
    NOT_OBEYED: "its guard does not obey it: damaged, of another start, or its agent gives no fresh sample",
    COUNTED_ANEW: "its time without use is counted anew, after a gap or a restart of its agent",
    UNKNOWN: "its instance does not say why",
}


def on_none_heard(
    session: Session,
    attempt: Attempt,
    found: Heartbeat,
    ignored_before: tuple[str, ...],
    now: ClockSnapshot,
    policy: Policy,
) -> list[Action]:
    """Forget an end that this heartbeat does not show any more.

    `ignored_before`: the end files that the guard did not obey at the heartbeat before. One that is still there and is
    not obeyed for the first time stays known: a busy instance samples late now and then, and then it is obeyed again.
    """
    reason = attempt.ending_reason
    if not reason or not is_used(session, attempt):
        return []
    ignored = () if found.guard is None else found.guard.bad_ends
    if is_ignored(reason, ignored) and not is_ignored(reason, ignored_before):
        return []
    cause = cause_of(session, attempt, found, now, policy)
    used = _used_since(attempt, found.agent, now, policy) if cause == IN_USE else ()
    text = f"{session.name}: it goes on: {_TEXT[cause]}" + (f" ({', '.join(used)})" if used else "")
    data = {"reason": reason, "cause": cause, "signals": list(used)}
    return [UpdateAttempt(attempt, NOT_HEARD, EventDraft("ending_withdrawn", f"{text}; its end was: {reason}", data))]


def cause_of(session: Session, attempt: Attempt, found: Heartbeat, now: ClockSnapshot, policy: Policy) -> str:
    """Why the end that was heard last is not announced any more, by the agent's report of the same login."""
    reason, agent = attempt.ending_reason, found.agent
    if found.guard is not None and is_ignored(reason, found.guard.bad_ends):
        return NOT_OBEYED
    if agent is None or agent.age_s > policy.agent_stale_s:
        return UNKNOWN
    if reason == RUN_DONE and any(run.state == "running" for run in agent.runs):
        return OTHER_RUNS
    if _used_since(attempt, agent, now, policy):
        return IN_USE
    return _by_its_limit(session, attempt, agent) if reason in (IDLE, CONTACT) else UNKNOWN


def _by_its_limit(session: Session, attempt: Attempt, agent: AgentReport) -> str:
    """What else keeps an instance that nobody uses: a limit that is off or not reached yet, else time counted anew."""
    wanted = session.idle_us if attempt.ending_reason == IDLE else session.contact_us
    there = limit_of(attempt.confirmed_limits, attempt.ending_reason)
    if wanted is None or there is None or wanted // SECOND != there // SECOND:
        return LIMITS
    return COUNTED_ANEW if us(agent.idle_s) < there else UNKNOWN


def _used_since(attempt: Attempt, agent: AgentReport | None, now: ClockSnapshot, policy: Policy) -> tuple[str, ...]:
    """What has been in use since the heartbeat that announced the end; a login may have taken its time limit."""
    if agent is None or attempt.ending_heard_at is None:
        return ()
    since_s = (now.wall - attempt.ending_heard_at) / SECOND + policy.heartbeat_timeout_s
    return agent.signals_within(since_s)
