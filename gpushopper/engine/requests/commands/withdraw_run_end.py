"""Withdraw that the end of a run may end its session: the run was not started, or shall end nothing any more (E6)."""

from __future__ import annotations

from functools import partial

from gpushopper import wire
from gpushopper.core.model.actions import EventDraft
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.requests.session_view import session_view
from gpushopper.engine.transaction import Transaction
from gpushopper.store.instances.run_ends import withdraw_run_end as forget


def withdraw_run_end(
    handle: EngineHandle, ref: str, run_id: str, key: IdempotencyKey | None = None
) -> wire.SessionView:
    """Remove its row; the session after that. A run that has none changes nothing.

    Raises:
        NotFound: no session has this name or id.
    """
    ctx = handle.ctx
    return perform_once(ctx, ctx.clock.now(), key, wire.SessionView, partial(_withdraw, ref=ref, run_id=run_id))


def _withdraw(tx: Transaction, ref: str, run_id: str) -> wire.SessionView:
    session = find_exactly(tx.ctx, ref)
    if forget(tx.ctx.store, session.id, run_id):
        text = f"{session.name}: the end of run {run_id} may not end it any more"
        tx.add_event(EventDraft("run_end_withdrawn", text, {"run": run_id}), session.id)
    return session_view(tx.ctx, session)
