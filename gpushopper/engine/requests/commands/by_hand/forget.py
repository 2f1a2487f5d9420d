"""Forget a session whose end cannot be proven, on the word of a person who has typed the ids of its instances (D6)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gpushopper import wire
from gpushopper.clouds import console_of, title_of
from gpushopper.core.listing import forgetting
from gpushopper.core.listing.forgetting import Obstacle
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.session import Session
from gpushopper.engine.context import Context
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import Refused
from gpushopper.store import sessions
from gpushopper.store.sqlite.disk_reserve import with_reserve


def forget(
    handle: EngineHandle, ref: str, request: wire.ForgetRequest, key: IdempotencyKey | None = None
) -> wire.ForgetView:
    """Close what is open of this session; with nothing typed, only say what that would be. Durable on return.

    Raises:
        NotFound: no session has this name or id.
        Refused: it is wanted, its cloud has shown it lately, its create may still make something, this home is a
            copy, or what was typed is not all of it; nothing was changed.
    """
    ctx = handle.ctx
    if request.typed is None:
        return _view(ctx, *_open(ctx, ref))
    typed = set(request.typed)
    commit = partial(perform_once, ctx, ctx.clock.now(), key, wire.ForgetView, lambda tx: _forget(tx, ref, typed))
    found = with_reserve(ctx.home.disk_reserve, commit)
    handle.notify()
    return found


def _forget(tx: Transaction, ref: str, typed: set[str]) -> wire.ForgetView:
    session, attempts = _open(tx.ctx, ref)
    found = _view(tx.ctx, session, attempts)
    if typed != {row.typed for row in found.rows}:
        needed = " ".join(f"--instance {row.typed}" for row in found.rows)
        hint = f"look there, then type all of them: {needed}"
        raise Refused("those are not the instances that would be forgotten", hint, code="other_instances")
    for attempt, row in zip(attempts, found.rows, strict=True):
        text = f"{session.name}: {_what(row)} is forgotten by its user, who has checked {row.console}"
        tx.add_event(EventDraft("forgotten", text, {"typed": row.typed}), session.id, attempt.id)
        tx.run([forgetting.forget(attempt, row.typed, tx.now)])
    return replace(found, is_forgotten=True)


def _open(ctx: Context, ref: str) -> tuple[Session, list[Attempt]]:
    """The session and its open attempts, each of which may be forgotten."""
    session = find_exactly(ctx, ref)
    attempts = [attempt for attempt in sessions.attempts_of(ctx.store, session.id) if attempt.is_open]
    if not ctx.may_spend:
        text = "this home is a copy: it would not notice if the instance were listed again"
        raise Refused(text, "see: gpu-shopper config installation --help", code="copied_home")
    if not attempts:
        raise Refused(f"{session.name} has ended already", f"see: gpu-shopper receipt {session.name}", code="ended")
    for attempt in attempts:
        _check(ctx, session, attempt)
    return session, attempts


def _check(ctx: Context, session: Session, attempt: Attempt) -> None:
    title, name = title_of(ctx.cloud_of(attempt.provider)), session.name
    match forgetting.obstacle(attempt, ctx.clock.now(), ctx.policy_of(attempt.provider)):
        case Obstacle.WANTED:
            text = f"{name} has not been ended: only what could not be ended is forgotten"
            raise Refused(text, f"end it: gpu-shopper shutdown {name}", code="not_ending")
        case Obstacle.UNDER_WAY:
            text = f"{name}: its create may still make an instance, which no console shows yet"
            raise Refused(text, "try again in some minutes", code="under_way")
        case Obstacle.SEEN:
            text = f"{name}: {title} has shown instance {attempt.instance_id} in the last minutes: it may bill"
            raise Refused(text, f"end it at {console_of(ctx.cloud_of(attempt.provider))}", code="still_listed")


def _view(ctx: Context, session: Session, attempts: list[Attempt]) -> wire.ForgetView:
    rows = [
        wire.ForgetRow(
            provider=attempt.provider,
            console=console_of(ctx.cloud_of(attempt.provider)),
            instance_id=attempt.instance_id,
            typed=attempt.instance_id or session.name,
            last_seen_at=attempt.last_seen_at,
        )
        for attempt in attempts
    ]
    return wire.ForgetView(session.id, session.name, rows)


def _what(row: wire.ForgetRow) -> str:
    return f"instance {row.instance_id}" if row.instance_id else "a create whose outcome is unknown"
