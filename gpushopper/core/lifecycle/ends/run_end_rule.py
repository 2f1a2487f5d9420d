"""Decides who ends an instance after a run: itself, the daemon that hears its mark, or nobody yet (ends.md E6, E9)."""

from __future__ import annotations

from collections.abc import Iterable

from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.ends.idle_watch import NO_GUARD, OLD_GUARD, STARTING
from gpushopper.core.lifecycle.ends.limits_line import acts_itself
from gpushopper.core.lifecycle.guard_renewal import ARMED
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.ends.agent_report import AgentReport
from gpushopper.core.model.ends.end_reason import RUN_DONE
from gpushopper.core.model.ends.run_end import RunEnd
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us

MOST_LISTED = 50
"""Runs that an agent reports at most (`agent/agent.py`): with so many there may be others."""
NOT_STARTED = "not started"
_RUNS_UNREAD = "output:"
"""What an agent says that cannot read the folders of runs begins so."""
INSTANCE, DAEMON, PENDING, NOBODY = "instance", "daemon", "pending", ""


def who_ends_after_run(attempt: Attempt | None, kind: EndingKind) -> str:
    """INSTANCE, DAEMON, PENDING (what does it is still brought there) or NOBODY (it cannot be: an older guard, none).

    The shell part alone does it, so that an instance without python3 can; not a guard that is not confirmed.
    """
    if attempt is None or not attempt.is_wanted or attempt.ready_at is None:
        return NOBODY
    if attempt.idle_watch in (NO_GUARD, OLD_GUARD):
        return NOBODY  # what was brought there is called by the guard, and its end is heard from the guard
    if attempt.confirmed_limits:
        return INSTANCE if acts_itself(kind) and attempt.guard_state == ARMED else DAEMON
    return PENDING if attempt.idle_watch in ("", STARTING) else NOBODY


def never_started(
    ends: Iterable[RunEnd], attempt: Attempt, report: AgentReport | None, now: ClockSnapshot, policy: Policy
) -> list[RunEnd]:
    """The permissions of runs whose start was lost on the way: the instance has no such run, long after it was sent.

    A run and its folder are there in one step or not at all (E6). While an end by a run is announced, all stay; so they
    do where a home cannot be read, for then the agent lists no run.
    """
    if report is None or report.age_s > policy.agent_stale_s or len(report.runs) >= MOST_LISTED:
        return []
    if attempt.ending_reason == RUN_DONE or any(text.startswith(_RUNS_UNREAD) for text in report.unknown):
        return []
    there = {run.id for run in report.runs if run.state != NOT_STARTED}
    return [end for end in ends if end.run_id not in there and now.wall - end.set_at >= us(policy.run_start_s)]
