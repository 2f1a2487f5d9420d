"""Extend: move a session's deadline, at most to its hard maximum, with a new reserve (I9, I13)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from gpushopper import wire
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import Attempt, DesiredState
from gpushopper.core.model.session import Session, current
from gpushopper.core.spending import ledger
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.deadline import Deadline
from gpushopper.core.timing.duration_text import span
from gpushopper.engine.context import Context
from gpushopper.engine.money.spending_check import denial_of_change
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once, stored_response
from gpushopper.engine.requests.commands.rentable_account import refuse_denied, refuse_wrong_clock
from gpushopper.engine.requests.commands.server_timer import move_timer
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_duration import refuse_short
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.requests.session_view import session_view
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import Refused, UsageError
from gpushopper.store import sessions
from gpushopper.store.sqlite.disk_reserve import with_reserve


def extend(
    handle: EngineHandle, ref: str, request: wire.ExtendRequest, key: IdempotencyKey | None = None
) -> wire.SessionView:
    """Move the deadline of the current attempt; the session after that. The guard learns of it by the next probe.

    Where the cloud ends instances by a timer of its own, a later end is first confirmed there.

    Raises:
        NotFound: no session has this name or id.
        Refused: past the hard maximum, more than a budget or the balance covers, or the session is ending.
        ProviderFailed: the cloud's own timer was not moved; nothing was changed.
        UsageError: not exactly one of a duration and an end, or a change of less than a minute.
        DiskFull: even the disk reserve was not enough.
    """
    ctx = handle.ctx
    now, session = ctx.clock.now(), find_exactly(ctx, ref)
    attempt = current(sessions.attempts_of(ctx.store, session.id))
    reconciler = None if attempt is None else handle.reconcilers.get(attempt.provider)
    at = now if reconciler is None else reconciler.at(now)
    former = stored_response(ctx, key, wire.SessionView)
    if former is not None:
        return former
    attempt, moved = _checked(ctx, session, request, at)
    if request.dry_run:
        return _preview(ctx, session, attempt, moved)
    told = moved.deadline.wall if move_timer(handle, attempt, moved.deadline.wall) else None
    commit = partial(
        perform_once, ctx, at, key, wire.SessionView,
        lambda tx: _extend(tx, find_exactly(ctx, session.id), request, told),
    )  # fmt: skip
    return with_reserve(ctx.home.disk_reserve, commit)


def _preview(ctx: Context, session: Session, attempt: Attempt, moved: Attempt) -> wire.SessionView:
    """The session as it would be; nothing is written."""
    view = session_view(ctx, session)
    accrued = next(row.accrued for row in view.attempts if row.id == attempt.id)
    more = ledger.max_cost(moved, accrued) - ledger.max_cost(attempt, accrued)
    return replace(view, deadline_at=moved.deadline.wall, max_cost=view.max_cost + more, guard_in_sync=False)


def _checked(
    ctx: Context, session: Session, request: wire.ExtendRequest, now: ClockSnapshot
) -> tuple[Attempt, Attempt]:
    """The current attempt, and what it would become; whatever refuses the change is raised."""
    attempt = current(sessions.attempts_of(ctx.store, session.id))
    if session.desired_state is not DesiredState.RUNNING or attempt is None or not attempt.is_wanted:
        raise Refused(f"{session.name} is ending or has ended", code="ending")
    refuse_wrong_clock(now)
    wall = _new_deadline(attempt, request, now)
    _refuse_above_maximum(session, attempt, wall)
    moved = replace(attempt, deadline=Deadline.at(wall, now))
    moved = replace(moved, reserve=ctx.reserve_for(moved))
    refuse_denied(denial_of_change(ctx, session, attempt, moved, now))
    return attempt, moved


def _extend(tx: Transaction, session: Session, request: wire.ExtendRequest, told: int | None) -> wire.SessionView:
    """Write it; `told` is the end that the cloud has confirmed for its own timer, None where that was not moved."""
    attempt, moved = _checked(tx.ctx, session, request, tx.now)
    wall = moved.deadline.wall
    if told is not None and told != wall:
        raise Refused(f"{session.name} was changed at the same time", "look at it, and extend it again", code="changed")
    by = wall - attempt.deadline.wall
    text = f"{session.name}: its deadline was moved by {'-' if by < 0 else '+'}{span(by)}"
    fields: dict[str, Any] = {"deadline": moved.deadline, "reserve": moved.reserve}
    fields |= {} if told is None else {"guard_deadline_at": told}
    tx.change(attempt, fields, EventDraft("extended", text, {"until": wall}))
    if session.deadline_at is not None or request.deadline_at is not None:
        sessions.update_session(tx.ctx.store, session, deadline_at=wall, duration_us=None)
    elif session.duration_us is not None and request.add_us is not None:
        # After a failover the next attempt gets the longer duration too.
        sessions.update_session(tx.ctx.store, session, duration_us=session.duration_us + request.add_us)
    return session_view(tx.ctx, find_exactly(tx.ctx, session.id))


def _refuse_above_maximum(session: Session, attempt: Attempt, wall: int) -> None:
    if wall <= attempt.hard_max_at:
        return
    left = max(attempt.hard_max_at - attempt.deadline.wall, 0) // us(60) * us(60)
    raise Refused(
        f"{session.name} may not last longer than its hard maximum; {span(left)} more are possible",
        "extend by less, or rent another; only provision takes --hard-max",
        code="hard_maximum",
    )


def _new_deadline(attempt: Attempt, request: wire.ExtendRequest, now: ClockSnapshot) -> int:
    """The new deadline, wall µs: the present one plus a span, or an absolute one."""
    if (request.add_us is None) == (request.deadline_at is None):
        raise UsageError("give a duration to add, or an end")
    if request.add_us is not None:
        refuse_short(abs(request.add_us))
    wall = request.deadline_at if request.deadline_at is not None else attempt.deadline.wall + (request.add_us or 0)
    if wall <= now.wall:
        raise UsageError("the new end is in the past", "end it with: gpu-shopper shutdown NAME")
    if request.deadline_at is not None:
        refuse_short(wall - now.wall)
    return wall
