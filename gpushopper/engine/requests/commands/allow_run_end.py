"""Allow that the end of a run ends its session: the row is here before the run is started there (ends.md E5, E6)."""

from __future__ import annotations

import re
from functools import partial

from gpushopper import wire
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.requests.session_view import session_view
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import Refused, UsageError
from gpushopper.store.instances.run_ends import allow_run_end as record

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


def allow_run_end(
    handle: EngineHandle, ref: str, run_id: str, request: wire.RunEndRequest, key: IdempotencyKey | None = None
) -> wire.SessionView:
    """Record it durably; the session after that.

    Raises:
        NotFound: no session has this name or id.
        Refused: the session is ending.
        UsageError: the run or the mode cannot be.
    """
    ctx = handle.ctx
    work = partial(_allow, ref=ref, run_id=run_id, request=request)
    return perform_once(ctx, ctx.clock.now(), key, wire.SessionView, work)


def _allow(tx: Transaction, ref: str, run_id: str, request: wire.RunEndRequest) -> wire.SessionView:
    session = find_exactly(tx.ctx, ref)
    if session.desired_state is not DesiredState.RUNNING:
        raise Refused(f"{session.name} is ending or has ended", code="ending")
    if not _RUN_ID.fullmatch(run_id) or request.mode not in tuple(RunEndMode) or (request.hold_us or 1) < 1:
        raise UsageError("this is no run that can end a session", code="bad_run")
    mode = RunEndMode(request.mode)
    record(tx.ctx.store, RunEnd(session.id, run_id, mode, request.with_pull, tx.now.wall, request.hold_us))
    data = {"run": run_id, "mode": str(mode), "with_pull": request.with_pull}
    tx.add_event(EventDraft("run_end_allowed", f"{session.name}: the end of run {run_id} may end it", data), session.id)
    return session_view(tx.ctx, session)
