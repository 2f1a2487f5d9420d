"""Provision: check a request, then write its session and first attempt in one transaction (I1, I13, I22).

Nothing is sent to a provider here: the account reconciler creates the instance from what is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gpushopper import wire
from gpushopper.core.lifecycle.account_choice import image_at
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import Attempt, DesiredState
from gpushopper.core.model.session import Session
from gpushopper.core.model.session_names import to_valid_name
from gpushopper.core.spelling.gpus import gpu_token
from gpushopper.engine.context import Context
from gpushopper.engine.money.spending_check import denial_of_attempt
from gpushopper.engine.new_attempt import new_attempt
from gpushopper.engine.requests.commands.first_choice import FirstChoice, first_choice
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once, stored_response
from gpushopper.engine.requests.commands.provision_request import CheckedRequest, check_request, refuse_long_variables
from gpushopper.engine.requests.commands.rentable_account import denied
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.image_checks import readable_registry
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import Refused, ShopperError
from gpushopper.remote.planting import member_keys
from gpushopper.store import events, sessions
from gpushopper.store.consumers import present_name
from gpushopper.store.money.tags import set_tags

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
    checked = check_request(request, ctx.clock.now().wall)
    refuse_long_variables(checked, _variable_limit(ctx, checked))
    if (checked.landing.pulls or checked.landing.before_end) and not ctx.policy.needs_login:
        raise Refused("a simulated instance has no files to pull", "see: gpu-shopper sandbox start --help")
    first = first_choice(handle, _draft(checked), checked.image_login)
    registry = readable_registry(ctx, first.client, checked.image) if checked.image_login else ""
    session_id = _new_session_id(ctx, checked.ssh_key)
    at = first.state.at
    accepted = perform_once(ctx, at, key, wire.Accepted, lambda tx: _commit(tx, handle, checked, registry, session_id))
    handle.notify()
    return accepted


def _variable_limit(ctx: Context, checked: CheckedRequest) -> int | None:
    """The most characters of a variable at any cloud of the shortlist: failover may go there."""
    accounts = {offer.provider for offer in checked.offers} & ctx.traits.keys()
    limits = [ctx.traits[name].limits.max_variable_length for name in accounts]
    return min((limit for limit in limits if limit is not None), default=None)


def _new_session_id(ctx: Context, member_key: str) -> str:
    """An id whose ssh key (and that of its member) is durable before anything that it must open can be created (I23).

    The key of a request that is refused afterwards is pruned later.
    """
    session_id = ctx.new_id(16)
    if ctx.remote is not None and ctx.policy.needs_login:
        ctx.remote.public_key(session_id)
        if member_key:
            member_keys.keep(ctx.home.ssh_keys, session_id, member_key)
    return session_id


def _commit(
    tx: Transaction, handle: EngineHandle, checked: CheckedRequest, registry: str, session_id: str
) -> wire.Accepted:
    """Check again what may have changed (accounts, limits, balance, names), then write the rows."""
    name = checked.name if checked.name is not None else _free_name(tx.ctx, checked.offers[0].gpu, session_id)
    consumer = present_name(tx.ctx.store, checked.consumer)
    draft = replace(
        _draft(checked), id=session_id, name=name, consumer=consumer, image_login=registry, created_at=tx.now.wall
    )
    first, attempt = _affordable(tx, handle, draft, checked.tags, sends_login=checked.image_login)
    session = replace(draft, shortlist=first.shortlist)
    sessions.insert_session(tx.ctx.store, session)
    set_tags(tx.ctx.store, session.id, checked.tags)
    tx.add_event(EventDraft("requested", f"{session.name}: {first.offer.gpu} for {session.consumer}"), session.id)
    tx.add_passed_over(session, first.passed_over)
    tx.insert_attempt(attempt)
    return wire.Accepted([session.id], events.last_id(tx.ctx.store), session.name)


def _affordable(
    tx: Transaction, handle: EngineHandle, session: Session, tags: Mapping[str, str], *, sends_login: bool
) -> tuple[FirstChoice, Attempt]:
    """The first choice whose account's balance and budget cover it, and its attempt; nothing is written.

    Raises:
        Refused: a spending limit, or no balance, allows it.
    """
    first = first_choice(handle, session, sends_login)
    image, state = image_at(session.image, first.state.traits), first.state
    attempt = new_attempt(tx.ctx, session, first.offer, state.at, account=state.account, image=image)
    name = attempt.provider
    denial = denial_of_attempt(tx.ctx, session, attempt, tx.now, new_session=True, tags=tags)
    if denial is None:
        return first, attempt
    elsewhere = tuple(offer for offer in first.shortlist if offer.provider != name)
    if not denial.is_of_account or not elsewhere:
        raise denied(denial)
    try:
        there = replace(session, shortlist=elsewhere)
        other, its_attempt = _affordable(tx, handle, there, tags, sends_login=sends_login)
    except ShopperError:
        raise denied(denial) from None
    return replace(other, passed_over=first.passed_over | {name: denial.text} | other.passed_over), its_attempt


def _draft(checked: CheckedRequest) -> Session:
    """The session as requested: its id, its name and the registry of its login come with the commit."""
    return Session(
        id="",
        name="",
        consumer=checked.consumer,
        desired_state=DesiredState.RUNNING,
        reason="",
        version=1,
        created_at=0,
        image=checked.image or "",
        disk_gb=checked.disk_gb,
        shortlist=checked.offers,
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
        idle_us=checked.limits.idle_us,
        idle_when=checked.limits.idle_when,
        contact_us=checked.limits.contact_us,
        disuse_us=checked.limits.disuse_us,
        hold_us=checked.limits.hold_us,
        land_for_us=checked.landing.land_for_us,
        before_end=checked.landing.before_end,
        pulls=checked.landing.pulls,
        pull_max=checked.landing.pull_max,
    )


def _free_name(ctx: Context, gpu: str, session_id: str) -> str:
    """`rtx4090-k3f`: the GPU, and as much of the id as distinguishes it from all other sessions."""
    taken = {session.name for session in sessions.load_sessions(ctx.store)}
    stem = to_valid_name(gpu_token(gpu) or "gpu", MAX_STEM_LENGTH)
    names = [f"{stem}-{session_id[:length]}" for length in range(3, 17)]
    return next((name for name in names if name not in taken), names[-1])
