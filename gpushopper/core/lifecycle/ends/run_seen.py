"""Which runs a heartbeat shows to have ended for the first time; only told to people, for a rented host says it."""

from __future__ import annotations

from collections.abc import Collection

from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.ends.agent_report import AgentReport
from gpushopper.core.model.run_folder import JUPYTER
from gpushopper.core.model.session import Session

RUN_ENDED = "run_ended"
MOST_TOLD = 200
"""Of one session: a host that invents runs does not fill the history (I18)."""


def runs_over(report: AgentReport | None) -> set[str]:
    """The runs that have ended, as the agent says."""
    return set() if report is None else {run.id for run in report.runs if _is_over(run.state)}


def run_ends_seen(session: Session, report: AgentReport, told: Collection[str]) -> list[EventDraft]:
    """An event for each run that has ended and was not told before."""
    found = []
    for run in report.runs:
        if not _is_over(run.state) or run.id in told or run.id.startswith(JUPYTER):
            continue
        how = "was lost: its process is gone" if run.state == "lost" else f"has ended with status {run.state}"
        found.append(EventDraft(RUN_ENDED, f"{session.name}: run {run.id} {how}", {"run": run.id, "status": run.state}))
    return found[: max(MOST_TOLD - len(told), 0)]


def _is_over(state: str) -> bool:
    return state == "lost" or state.isdecimal()
