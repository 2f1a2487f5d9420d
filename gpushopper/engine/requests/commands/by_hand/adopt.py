"""Adopt an instance that a person names by its id: it becomes a session with a deadline.

What carries our label is adopted without being asked for (F50), what carries another installation's label is that
one's to end (F119). Any other instance is a stranger's, and never touched (I28) unless a person who has its key names
it here: then its id is recorded as ours, it gets our label, and its deadline ends it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gpushopper import wire
from gpushopper.core.listing.ownership import CONFIRMED
from gpushopper.core.model.actions import EventDraft, RecordOwnership
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.session import current
from gpushopper.core.model.session_names import session_name_problem
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.deadline import Deadline
from gpushopper.engine import orphan_adoption
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import Context
from gpushopper.engine.requests.blocking_reads import blocking_read
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once, stored_response
from gpushopper.engine.requests.commands.rentable_account import refuse_wrong_clock, rentable_client
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_duration import refuse_above_maximum, requested_duration_us
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import NotFound, ProviderFailed, Refused, ShopperError, UsageError
from gpushopper.providers.base import Endpoint, Provider, ReadFailed
from gpushopper.store import sessions

LIST_LIMIT_S = 12.0
LABEL_LIMIT_S = 12.0
Found = tuple[AccountReconciler, Provider, Instance]


def adopt(handle: EngineHandle, request: wire.AdoptRequest, key: IdempotencyKey | None = None) -> wire.AdoptView:
    """Read the account's list, and record the instance as a session. Durable on return; a dry run writes nothing.

    Raises:
        NotFound: no account shows it.
        UsageError: several accounts do, or the name or the times make no sense.
        Refused: it is a session already, is adopted without this or is another installation's, the account is not
            proven, or it would last longer than the hard maximum.
        Misconfigured, NotReady, DiskFull: as for renting there.
        ProviderFailed: a list could not be read, and no other account shows it.
    """
    ctx = handle.ctx
    if (former := stored_response(ctx, key, wire.AdoptView)) is not None:
        return former
    if request.name is not None and (fault := session_name_problem(request.name)):
        raise UsageError(fault, "choose another name, or none", code="bad_name")
    found = _find(handle, request)
    account, client, row = found
    at = account.at(ctx.clock.now())
    refuse_wrong_clock(at)
    deadline = _deadline(ctx, request, at)
    _check(ctx, account, row)
    if request.dry_run:
        return _view(found, deadline, is_labelled=client.traits.naming.can_relabel)
    effect = partial(_adopt, found=found, name=request.name, deadline=deadline)
    adopted = perform_once(ctx, at, key, wire.AdoptView, effect)
    handle.notify()
    attempt = current(sessions.attempts_of(ctx.store, adopted.session))
    is_labelled = attempt is not None and _set_label(ctx, client, row.instance_id, attempt.label)
    return replace(adopted, is_labelled=is_labelled)


def _adopt(tx: Transaction, *, found: Found, name: str | None, deadline: Deadline) -> wire.AdoptView:
    account, _, row = found
    _check(tx.ctx, account, row)  # again: a list may have been read meanwhile
    if name is not None and any(each.name == name for each in sessions.load_sessions(tx.ctx.store, open_only=True)):
        raise Refused(f"a session called {name} is open", "choose another name", code="name_taken")
    of = (account.name, account.health.account_id)
    session, attempt = orphan_adoption.take_over(tx.ctx, of, row, name, deadline, tx.now)
    sessions.insert_session(tx.ctx.store, session)
    sessions.insert_attempt(tx.ctx.store, attempt)
    tx.run([RecordOwnership(*of, row.instance_id, attempt.label, CONFIRMED)])
    text = f"instance {row.instance_id} is adopted as {session.name}, named by its user"
    tx.add_event(EventDraft("adopted", text, {"former_label": row.label or ""}), session.id, attempt.id)
    return _view(found, deadline, is_labelled=False, session=session.id)


def _find(handle: EngineHandle, request: wire.AdoptRequest) -> Found:
    """The account that shows the instance now, by a list that is read for this."""
    names = [name for name, each in handle.reconcilers.items() if each.client is not None]
    if request.provider is not None and request.provider not in handle.reconcilers:
        raise NotFound(f"no cloud or account is called {request.provider}", "see: gpu-shopper keys", code="no_account")
    found: list[Found] = []
    failed: list[str] = []
    for account in (handle.reconcilers[name] for name in ([request.provider] if request.provider else names)):
        try:
            found += _shown_at(handle.ctx, account, request.instance_id)
        except ShopperError as error:
            if request.provider is not None:
                raise
            failed.append(error.message)
    if len(found) > 1:
        several = ", ".join(account.name for account, _, _ in found)
        raise UsageError(f"{several} show an instance {request.instance_id}", "say which: --cloud NAME")
    if not found and failed:
        raise ProviderFailed(f"no list shows an instance {request.instance_id}; {'; '.join(failed)}", "try again")
    if not found:
        raise NotFound(f"no account shows an instance {request.instance_id}", "see: gpu-shopper audit", code="no_such")
    return found[0]


def _shown_at(ctx: Context, account: AccountReconciler, instance_id: str) -> list[Found]:
    """The instance as the account's list shows it now; empty where it does not."""
    client = rentable_client(ctx, account, allow_unguarded=True)
    call = partial(client.fetch_instances, LIST_LIMIT_S)
    listing = blocking_read(ctx, client, Endpoint.LIST, call, LIST_LIMIT_S)
    if isinstance(listing, ReadFailed):
        raise ProviderFailed(f"{account.name}'s list could not be read: {listing.detail}", "try again")
    return [(account, client, row) for row in listing.instances if row.instance_id == instance_id]


def _check(ctx: Context, account: AccountReconciler, row: Instance) -> None:
    """Refuse what is somebody's: a session's, ours by its label, or another installation's."""
    known = sessions.find_listed(ctx.store, account.name, {account.health.account_id}, [row.instance_id], [])
    if known:
        session = sessions.load_session(ctx.store, known[0].session_id)
        name = "" if session is None else session.name
        raise Refused(f"instance {row.instance_id} is session {name}", f"see: gpu-shopper get {name}", code="known")
    owner = row.owner()
    if owner is not None and owner.installation == ctx.installation.id:
        text = (
            f"instance {row.instance_id} carries our label: it is adopted with the next list, without being asked for"
        )
        raise Refused(text, "see: gpu-shopper audit", code="ours")
    if owner is not None:
        text = f"instance {row.instance_id} belongs to another installation of GPU Shopper, {owner.installation}"
        hint = f"if that is lost: gpu-shopper watchdog --installation {owner.installation}"
        raise Refused(text, hint, code="other_installation")


def _deadline(ctx: Context, request: wire.AdoptRequest, now: ClockSnapshot) -> Deadline:
    is_said = request.duration_us is not None or request.deadline_at is not None
    usual = us(ctx.policy.adopt_duration_s)
    length = requested_duration_us(request.duration_us if is_said else usual, request.deadline_at, now.wall)
    refuse_above_maximum(length, None)
    return Deadline.at(now.wall + length, now)


def _set_label(ctx: Context, client: Provider, instance_id: str, label: str) -> bool:
    """Whether the cloud has set our label, asked once."""
    if not client.traits.naming.can_relabel:
        return False
    wait_s = client.available_at(Endpoint.LABEL) - ctx.clock.monotonic()
    if wait_s > LABEL_LIMIT_S:
        return False
    ctx.pause(max(wait_s, 0.0))
    return client.set_label(instance_id, label, LABEL_LIMIT_S)


def _view(found: Found, deadline: Deadline, *, is_labelled: bool, session: str = "") -> wire.AdoptView:
    account, _, row = found
    return wire.AdoptView(
        provider=account.name,
        instance_id=row.instance_id,
        label=row.label or "",
        status=row.provider_status,
        gpu=row.gpu or "",
        gpu_count=row.gpu_count or 1,
        rate=row.rate,
        created_at=row.created_at,
        deadline_at=deadline.wall,
        is_labelled=is_labelled,
        session=session,
    )
