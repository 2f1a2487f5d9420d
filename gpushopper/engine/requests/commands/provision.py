"""Provision: check a request, then write its session and first attempt in one transaction (I1, I13, I22).

Nothing is sent to a provider here: the account reconciler creates the instance from what is committed.
"""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.session import Session
from gpushopper.core.model.session_names import to_valid_name
from gpushopper.core.spelling.gpus import gpu_token
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import Context
from gpushopper.engine.new_attempt import new_attempt
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once, stored_response
from gpushopper.engine.requests.commands.provision_request import CheckedRequest, check_request
from gpushopper.engine.requests.commands.rentable_account import refuse_denied, refuse_wrong_clock, rentable_client
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.image_checks import readable_registry
from gpushopper.engine.spending_check import denial_of_attempt
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import NotFound
from gpushopper.providers.base import Provider
from gpushopper.store import events, sessions

MAX_STEM_LENGTH = 20
"""Characters of a made-up name before the part of its id."""


def provision(handle: EngineHandle, request: wire.ProvisionRequest, key: IdempotencyKey | None) -> wire.Accepted:
    """Commit a session and its first attempt: label, deadline and reserve (I1, I13); the engine does the rest.

    All that can wait (a keyring, ssh-keygen) comes before the transaction: it must not hold up a commit that ends
    something. Inside, only what others may have changed meanwhile is checked again.

    Raises:
        UsageError, NoOffer, NotFound, NotReady, Refused, Misconfigured, DiskFull: nothing was written.
    """
    ctx = handle.ctx
    former = stored_response(ctx, key, wire.Accepted)
    if former is not None:
        return former
    now = ctx.clock.now()
    checked = check_request(request, now.wall)
    reconciler = _reconciler(handle, checked.provider)
    client = rentable_client(ctx, reconciler, allow_unguarded=checked.allow_unguarded)
    at = reconciler.at(now)
    refuse_wrong_clock(at)
    registry = readable_registry(ctx, client, checked.image) if checked.image_login else ""
    session_id = _new_session_id(ctx)
    accepted = perform_once(ctx, at, key, wire.Accepted, lambda tx: _commit(tx, handle, checked, registry, session_id))
    handle.notify()
    return accepted


def _reconciler(handle: EngineHandle, provider: str) -> AccountReconciler:
    if provider not in handle.reconcilers:
        raise NotFound(f"no provider is called {provider!r}", code="provider_not_found")
    return handle.reconcilers[provider]


def _new_session_id(ctx: Context) -> str:
    """An id whose ssh key is durable before anything that it must open can be created (I23).

    The key of a request that is refused afterwards is pruned later.
    """
    session_id = ctx.new_id(16)
    if ctx.remote is not None and ctx.policy.needs_login:
        ctx.remote.public_key(session_id)
    return session_id


def _commit(
    tx: Transaction, handle: EngineHandle, checked: CheckedRequest, registry: str, session_id: str
) -> wire.Accepted:
    """Check again what may have changed (account, limits, balance, names), then write the rows."""
    reconciler = _reconciler(handle, checked.provider)
    client = rentable_client(tx.ctx, reconciler, allow_unguarded=checked.allow_unguarded)
    name = checked.name if checked.name is not None else _free_name(tx.ctx, checked.offers[0].gpu, session_id)
    session = _session(tx, reconciler, client, checked, registry, session_id, name)
    attempt = new_attempt(tx.ctx, session, checked.offers[0], tx.now)
    refuse_denied(
        denial_of_attempt(tx.ctx, reconciler.name, attempt.agreed_rate, attempt.reserve, tx.now, new_session=True)
    )
    sessions.insert_session(tx.ctx.store, session)
    tx.add_event(EventDraft("requested", f"{session.name}: {checked.offers[0].gpu} for {session.consumer}"), session.id)
    tx.insert_attempt(attempt)
    return wire.Accepted([session.id], events.last_id(tx.ctx.store), session.name)


def _session(
    tx: Transaction,
    reconciler: AccountReconciler,
    client: Provider,
    checked: CheckedRequest,
    registry: str,
    session_id: str,
    name: str,
) -> Session:
    return Session(
        id=session_id,
        name=name,
        consumer=checked.consumer,
        provider=reconciler.name,
        account=reconciler.health.account_id,
        desired_state=DesiredState.RUNNING,
        reason="",
        version=1,
        created_at=tx.now.wall,
        image=checked.image or client.traits.catalogue.default_image,
        disk_gb=checked.disk_gb,
        shortlist=checked.offers[1:],
        max_rate=checked.max_rate,
        retries_left=checked.retries,
        duration_us=checked.duration_us,
        deadline_at=checked.deadline_at,
        keep_stopped=checked.keep_stopped,
        max_duration_us=checked.max_duration_us,
        max_duration_reason=checked.max_duration_reason,
        environment=checked.environment,
        allow_unguarded=checked.allow_unguarded,
        allow_broken_guard=checked.allow_broken_guard,
        image_login=registry,
    )


def _free_name(ctx: Context, gpu: str, session_id: str) -> str:
    """`rtx4090-k3f`: the GPU, and as much of the id as distinguishes it from all other sessions."""
    taken = {session.name for session in sessions.load_sessions(ctx.store)}
    stem = to_valid_name(gpu_token(gpu) or "gpu", MAX_STEM_LENGTH)
    names = [f"{stem}-{session_id[:length]}" for length in range(3, 17)]
    return next((name for name in names if name not in taken), names[-1])
