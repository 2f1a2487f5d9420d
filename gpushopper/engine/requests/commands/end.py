"""End sessions: make their desired state `terminated`, on a full disk too; the engine destroys (I8, F67)."""

from __future__ import annotations

from functools import partial

from gpushopper import wire
from gpushopper.core.lifecycle.ends import landing
from gpushopper.core.model.session import current
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.transaction import Transaction
from gpushopper.store import events, sessions
from gpushopper.store.sqlite.disk_reserve import with_reserve


def end(
    handle: EngineHandle,
    refs: list[str] | None,
    reason: str = "user",
    key: IdempotencyKey | None = None,
    *,
    lands: bool = False,
) -> wire.Accepted:
    """End the sessions with these names or ids; None means all open ones. Durable when this returns.

    With `lands`, what a session should bring home is pulled first: it ends when that is here, or after its hold (E7).

    Raises:
        NotFound: one of them does not exist; then none is ended.
        DiskFull: even the disk reserve was not enough.
    """
    ctx = handle.ctx
    commit = partial(perform_once, ctx, ctx.clock.now(), key, wire.Accepted, lambda tx: _end(tx, refs, reason, lands))
    accepted = with_reserve(ctx.home.disk_reserve, commit)
    handle.notify()
    return accepted


def _end(tx: Transaction, refs: list[str] | None, reason: str, lands: bool) -> wire.Accepted:
    cursor = events.last_id(tx.ctx.store)
    if refs is None:
        ending = sessions.load_sessions(tx.ctx.store, open_only=True)
    else:
        ending = list({s.id: s for s in (find_exactly(tx.ctx, ref) for ref in refs)}.values())
    for session in ending:
        attempt = current(sessions.attempts_of(tx.ctx.store, session.id))
        if lands and attempt is not None and landing.lands(session, attempt):
            tx.run([landing.begin(session, landing.USER, tx.now)] if session.landing != landing.USER else [])
        else:
            tx.end_session(session, reason)
    return wire.Accepted([session.id for session in ending], cursor)
