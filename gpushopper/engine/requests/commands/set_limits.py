"""Set: change the limits that may end a session early, in place; its instance confirms them by itself (ends.md E3)."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from gpushopper import wire
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.session import Session, current
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.end_limits import EndLimits, changed_limits
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.requests.session_view import session_view
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import Refused
from gpushopper.store import sessions
from gpushopper.store.sqlite.disk_reserve import with_reserve


def set_limits(
    handle: EngineHandle, ref: str, request: wire.LimitsRequest, key: IdempotencyKey | None = None
) -> wire.SessionView:
    """Record the limits, and have the instance probed at once; the session after that.

    Raises:
        NotFound: no session has this name or id.
        Refused: the session is ending.
        UsageError: a limit makes no sense.
        DiskFull: even the disk reserve was not enough.
    """
    ctx = handle.ctx
    commit = partial(
        perform_once, ctx, ctx.clock.now(), key, wire.SessionView,
        lambda tx: _set(tx, find_exactly(ctx, ref), request),
    )  # fmt: skip
    view = with_reserve(ctx.home.disk_reserve, commit)
    attempt = current(sessions.attempts_of(ctx.store, view.id))
    reconciler = None if attempt is None else handle.reconcilers.get(attempt.provider)
    if attempt is not None and reconciler is not None:
        reconciler.heartbeats.probe_soon(attempt.id)
    handle.notify()
    return view


def limits_of(session: Session) -> EndLimits:
    """The limits that a session has."""
    return EndLimits(session.idle_us, session.idle_when, session.contact_us, session.disuse_us, session.hold_us)


def _set(tx: Transaction, session: Session, request: wire.LimitsRequest) -> wire.SessionView:
    if session.desired_state is not DesiredState.RUNNING:
        raise Refused(f"{session.name} is ending or has ended", code="ending")
    before = limits_of(session)
    after = changed_limits(before, request.idle_us, request.idle_when, request.contact_us, request.hold_us)
    if after != before:
        sessions.update_session(tx.ctx.store, session, **asdict(after))
        changed = {name: value for name, value in asdict(after).items() if value != getattr(before, name)}
        tx.add_event(EventDraft("limits_set", f"{session.name}: its limits were changed", changed), session.id)
    return session_view(tx.ctx, find_exactly(tx.ctx, session.id))
