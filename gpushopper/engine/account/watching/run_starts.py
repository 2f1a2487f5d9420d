"""Withdraws that a run may end its session where a heartbeat shows that its start was lost on the way (ends.md E6)."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.core.lifecycle.ends.run_end_rule import never_started
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.ends.agent_report import AgentReport
from gpushopper.core.model.ends.run_end import RunEnd
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.engine.transaction import Transaction
from gpushopper.store.instances.run_ends import withdraw_run_end


def withdraw_unstarted(
    tx: Transaction,
    session: Session,
    attempt: Attempt,
    ends: Sequence[RunEnd],
    report: AgentReport | None,
    policy: Policy,
) -> None:
    """Remove those rows, and tell it: without them no absence of the instance counts as its own end."""
    for end in never_started(ends, attempt, report, tx.now, policy):
        withdraw_run_end(tx.ctx.store, session.id, end.run_id)
        text = f"{session.name}: run {end.run_id} was not started, so that its end may not end it"
        tx.add_event(EventDraft("run_end_withdrawn", text, {"run": end.run_id}), session.id)
