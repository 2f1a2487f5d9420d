"""Set: change the limits that may end a session early, and what is done before an end, in place (ends.md E3, E7).

Its instance confirms them by itself.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from gpushopper import wire
from gpushopper.core.lifecycle.ends import landing
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.session import Session, current
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.end_limits import EndLimits, changed_limits
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.landing_request import LandingWish, changed_landing
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
        Refused: the session is ending, or is simulated and shall be pulled from.
        UsageError: a limit, a folder or the script makes no sense.
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


def landing_of(session: Session) -> LandingWish:
    """What a session has done before its end."""
    return LandingWish(session.pulls, session.pull_max, session.before_end, session.land_for_us)


def _set(tx: Transaction, session: Session, request: wire.LimitsRequest) -> wire.SessionView:
    if session.desired_state is not DesiredState.RUNNING:
        raise Refused(f"{session.name} is ending or has ended", code="ending")
    limits = changed_limits(
        limits_of(session), request.idle_us, request.idle_when, request.contact_us, request.hold_us
    )  # fmt: skip
    wish = changed_landing(landing_of(session), request)
    if (wish.pulls or wish.before_end) and not tx.ctx.policy.needs_login:
        raise Refused("a simulated instance has no files to pull", "see: gpu-shopper sandbox start --help")
    if session.landing == landing.USER and not wish.pulls:
        hint = f"to end it without them: gpu-shopper shutdown {session.name}"
        raise Refused(f"you have ended {session.name}, which waits for its results", hint, code="ending")
    before = _fields(limits_of(session), landing_of(session))
    changed = {name: value for name, value in _fields(limits, wish).items() if value != before[name]}
    if changed:
        tx.run(landing.on_other_pulls(session, wish.pulls))
        sessions.update_session(tx.ctx.store, find_exactly(tx.ctx, session.id), **changed)
        data = {name: bool(value) if name == "before_end" else value for name, value in changed.items()}
        tx.add_event(EventDraft("limits_set", f"{session.name}: its limits were changed", data), session.id)
    return session_view(tx.ctx, find_exactly(tx.ctx, session.id))


def _fields(limits: EndLimits, wish: LandingWish) -> dict[str, Any]:
    """Columns of a session. A script may hold secrets: no event shows it."""
    return asdict(limits) | asdict(wish)
