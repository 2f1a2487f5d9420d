"""Decides the early ends of an instance that must not end itself, by what its agent reports (ends.md E9).

Where power-off does not end the bill, idle and run ends are only marked there: this computer destroys the instance.
Nothing is due by lost contact: whoever reads the report has contact.
"""

from __future__ import annotations

from collections.abc import Iterable

from gpushopper.core.lifecycle.ends.early_end import DONE, IDLE, RUN_DONE, reason_of
from gpushopper.core.model.ends.agent_report import AgentReport, RunSeen
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.core.model.heartbeat import Heartbeat
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import SECOND


def marked_ends(
    session: Session, heartbeat: Heartbeat, runs: Iterable[RunEnd], policy: Policy
) -> tuple[tuple[str, int], ...]:
    """The ends that are due or announced: reason and seconds left. A sample that is old shows none (E1)."""
    guard, agent = heartbeat.guard, heartbeat.agent
    told = () if guard is None else guard.ends
    found = [(DONE, max(left_s, 0)) for word, left_s in told if reason_of(word) == DONE]
    if agent is None or agent.age_s > policy.agent_stale_s:
        return tuple(found)
    found += _idle(session, agent, policy)
    found += _run(agent, tuple(runs), policy)
    return tuple(found)


def _idle(session: Session, agent: AgentReport, policy: Policy) -> list[tuple[str, int]]:
    """After the whole limit, and a warning of the same length as elsewhere; what is not measured is not idle."""
    if session.idle_us is None or agent.unknown or agent.idle_s * SECOND < session.idle_us:
        return []
    left_s = session.idle_us // SECOND + round(policy.end_warning_s) - agent.idle_s
    return [(IDLE, max(left_s, 0))]


def _run(agent: AgentReport, runs: tuple[RunEnd, ...], policy: Policy) -> list[tuple[str, int]]:
    """Once every run that may end it has ended and none else is going: after the longest wait of them (E6)."""
    seen = {run.id: run for run in agent.runs}
    ended = [(end, seen[end.run_id]) for end in runs if end.run_id in seen and seen[end.run_id].has_ended]
    if not ended or any(run.state == "running" for run in agent.runs):
        return []
    waits = [_wait_s(end, run, policy) for end, run in ended]
    if any(wait is None for wait in waits):
        return []
    left_s = max((wait or 0) - run.since_s for wait, (_, run) in zip(waits, ended, strict=True))
    return [(RUN_DONE, max(left_s, 0))]


def _wait_s(end: RunEnd, run: RunSeen, policy: Policy) -> int | None:
    """How long it is kept after this run; None: until its deadline."""
    if end.with_pull:
        return None if end.hold_us is None else end.hold_us // SECOND
    is_kept = end.mode is RunEndMode.SUCCESS and run.state != "0"
    return round(policy.failed_run_hold_s if is_kept else policy.run_grace_s)
