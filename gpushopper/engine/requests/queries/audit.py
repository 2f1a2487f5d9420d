"""Audit: everything billable on every account, as ours, orphans and foreign (I28); needs no daemon."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper import wire
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.instance import Instance
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.requests.blocking_reads import blocking_read
from gpushopper.engine.requests.refusals import keyless
from gpushopper.engine.requests.watched_accounts import first_problem, watched_accounts
from gpushopper.providers.base import Account, Endpoint, InstanceList, Provider, ReadFailed
from gpushopper.store import sessions

AUDIT_LIMIT_S = 30.0


def audit(ctx: Context, setups: Mapping[str, AccountSetup]) -> wire.Audit:
    """Read every account that is used once, and compare it with the database; nothing is changed.

    Raises:
        Misconfigured: no cloud has a key, so that nothing can be said about anything.
    """
    rows: list[wire.AuditRow] = []
    failed: dict[str, str] = {}
    watched = watched_accounts(ctx, setups)
    if setups and not watched:
        raise keyless(first_problem(setups))
    for name, setup in watched.items():
        if setup.client is None:
            failed[name] = setup.key_problem
            continue
        client = setup.client
        account, listing = _read_account(ctx, client)
        if isinstance(listing, ReadFailed):
            failed[name] = listing.detail
            continue
        is_whole = listing.is_whole(client.traits.limits.list_proof)
        if not is_whole:
            failed[name] = listing.detail or "the list is incomplete"
        account_id = account.account_id if isinstance(account, Account) else ""
        rows += [_row(ctx, name, account_id, instance) for instance in listing.instances]
        rows += _missing(ctx, name, {i.instance_id for i in listing.instances}, is_whole)
    return wire.Audit(rows, failed, problems=len(failed) + sum(1 for row in rows if row.note))


def _read_account(ctx: Context, client: Provider) -> tuple[Account | ReadFailed, InstanceList | ReadFailed]:
    limit = AUDIT_LIMIT_S
    account: Account | ReadFailed = blocking_read(
        ctx, client, Endpoint.ACCOUNT, lambda: client.fetch_account(limit), limit
    )
    listing: InstanceList | ReadFailed = blocking_read(
        ctx, client, Endpoint.LIST, lambda: client.fetch_instances(limit), limit
    )
    return account, listing


def _row(ctx: Context, provider: str, account: str, row: Instance) -> wire.AuditRow:
    at = {account} if account else None  # where the cloud tells no account, the id alone says which row it is
    known = next(iter(sessions.find_listed(ctx.store, provider, at, [row.instance_id], [])), None)
    owner = row.owner()
    if known is not None:
        return _view(provider, row, "ours", ctx, known, "" if known.is_open else "closed, but it is there")
    if owner is not None and owner.installation == ctx.installation.id:
        made = sessions.load_attempt(ctx.store, owner.attempt)
        if made is not None and made.is_open:
            return _view(provider, row, "ours", ctx, made, "")
        return _view(provider, row, "ours_unknown", ctx, made, "carries our label, is in no record")
    return _view(provider, row, "foreign", ctx, None, "")


def _view(provider: str, row: Instance, kind: str, ctx: Context, attempt: Attempt | None, note: str) -> wire.AuditRow:
    session = None if attempt is None else sessions.load_session(ctx.store, attempt.session_id)
    return wire.AuditRow(
        provider=provider,
        instance_id=row.instance_id,
        kind=kind,
        label=row.label or "",
        status=row.provider_status,
        gpu=row.gpu or "",
        rate=row.rate,
        session="" if session is None else session.name,
        note=note,
    )


def _missing(ctx: Context, provider: str, listed: set[str], complete: bool) -> list[wire.AuditRow]:
    """Open attempts whose instance a complete list does not show."""
    if not complete:
        return []
    return [
        wire.AuditRow(
            provider=provider,
            instance_id=attempt.instance_id,
            kind="ours",
            label=attempt.label,
            status="not shown",
            gpu=attempt.offer.gpu,
            rate=attempt.agreed_rate,
            session=session.name if (session := sessions.load_session(ctx.store, attempt.session_id)) else "",
            note="" if not attempt.is_wanted else "wanted, but the provider does not show it",
        )
        for attempt in sessions.load_attempts(ctx.store, provider=provider)
        if attempt.instance_id is not None and attempt.instance_id not in listed
    ]
