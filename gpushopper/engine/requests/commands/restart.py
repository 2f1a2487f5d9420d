"""Restart a ready session's instance in place, where its cloud has a call for it; deadline, label and guard stay."""

from __future__ import annotations

from functools import partial

from gpushopper import wire
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.ends.end_reason import NOT_HEARD
from gpushopper.core.model.session import Session, current
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once, stored_response
from gpushopper.engine.requests.commands.server_timer import is_ours_for_sure
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import ProviderFailed, Refused
from gpushopper.providers.base import Endpoint, Provider
from gpushopper.providers.restarts import Restarts, restarting
from gpushopper.store import events, sessions
from gpushopper.store.sqlite.disk_reserve import with_reserve

RESTART_LIMIT_S = 12.0


def restart(
    handle: EngineHandle, ref: str, request: wire.RestartRequest, key: IdempotencyKey | None = None
) -> wire.Accepted:
    """Ask the cloud to restart the instance of the session with this name or id. Sent once, on the caller's thread.

    A dry run sends nothing; it is refused for the same reasons.

    Raises:
        NotFound: no session has this name or id.
        Refused: it is not ready, is ending, or its cloud has no such call.
        ProviderFailed: the cloud did not confirm it, or does not show that the instance is ours.
        DiskFull: even the disk reserve was not enough.
    """
    ctx = handle.ctx
    former = stored_response(ctx, key, wire.Accepted)
    if former is not None:
        return former
    session = find_exactly(ctx, ref)
    attempt = _ready_attempt(session, current(sessions.attempts_of(ctx.store, session.id)))
    client, able = _able(handle, session, attempt)
    if request.dry_run:
        return wire.Accepted([session.id], events.last_id(ctx.store))
    _send(handle, client, able, session, attempt)
    commit = partial(
        perform_once, ctx, ctx.clock.now(), key, wire.Accepted, lambda tx: _record(tx, session, attempt)
    )  # fmt: skip
    accepted = with_reserve(ctx.home.disk_reserve, commit)
    handle.notify()
    return accepted


def _ready_attempt(session: Session, attempt: Attempt | None) -> Attempt:
    """The attempt whose instance may be restarted: one that was ready and runs, whether or not it can be reached."""
    if session.desired_state is not DesiredState.RUNNING or attempt is None or not attempt.is_wanted:
        raise Refused(f"{session.name} is ending or has ended", code="ending")
    if attempt.ready_at is None or attempt.state is not State.RUNNING or attempt.instance_id is None:
        hint = f"see: gpu-shopper get {session.name}"
        raise Refused(f"{session.name} is not running: only a ready session is restarted", hint, code="not_ready")
    return attempt


def _able(handle: EngineHandle, session: Session, attempt: Attempt) -> tuple[Provider, Restarts]:
    """The client that can restart this instance, which is ours for sure: as a provider, and as one that restarts."""
    reconciler = handle.reconcilers.get(attempt.provider)
    client = None if reconciler is None else reconciler.client
    able = restarting(client)
    if client is not None and able is None:
        text = f"{attempt.provider} has no call that restarts an instance"
        raise Refused(text, f"restart it from inside: gpu-shopper ssh {session.name}", code="no_restart")
    if client is None or able is None or not is_ours_for_sure(reconciler, attempt):
        text = f"{attempt.provider} does not show now that {attempt.instance_id} is this session's instance"
        raise ProviderFailed(text, "nothing was sent; see: gpu-shopper status", code="not_restarted")
    return client, able


def _send(handle: EngineHandle, client: Provider, able: Restarts, session: Session, attempt: Attempt) -> None:
    wait_s = client.available_at(Endpoint.RESTART) - handle.ctx.clock.monotonic()
    if 0 < wait_s < RESTART_LIMIT_S:
        handle.ctx.pause(wait_s)
    if not able.restart(attempt.instance_id or "", RESTART_LIMIT_S):
        text = f"{attempt.provider} has not confirmed the restart of {attempt.instance_id}; it may restart all the same"
        raise ProviderFailed(text, f"see: gpu-shopper get {session.name}", code="not_restarted")


def _record(tx: Transaction, session: Session, attempt: Attempt) -> wire.Accepted:
    """Also forget an end that it had announced: the files of that are void after its start (E4)."""
    cursor = events.last_id(tx.ctx.store)
    text = f"{session.name}: instance {attempt.instance_id} is being restarted, as requested"
    # Read anew: it was heard from while the cloud was asked.
    tx.change(sessions.load_attempt(tx.ctx.store, attempt.id) or attempt, NOT_HEARD, EventDraft("restarted", text))
    return wire.Accepted([session.id], cursor)
