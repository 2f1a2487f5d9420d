"""Audit: everything billable on every account, as ours, orphans and foreign (I28); needs no daemon."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gpushopper import wire
from gpushopper.core.cloud import Identity
from gpushopper.core.listing.leftovers import Fate, fate
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.leftover import LeftoverItem
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.requests.blocking_reads import blocking_read
from gpushopper.engine.requests.refusals import keyless, why_unread
from gpushopper.engine.requests.side_by_side import SPARE_S, Asked, ask_all
from gpushopper.engine.requests.watched_accounts import first_problem, watched_accounts
from gpushopper.engine.shared_calls import SharedCalls
from gpushopper.providers.base import (
    Account,
    Endpoint,
    ErrorKind,
    InstanceList,
    LeftoverList,
    Provider,
    ReadFailed,
    leaving,
)
from gpushopper.store import sessions

AUDIT_LIMIT_S = 20.0
"""For all accounts together."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What one account answered. `account` is None where no call tells it, `left` where creates leave nothing."""

    account: Account | ReadFailed | None
    listing: InstanceList | ReadFailed
    left: LeftoverList | ReadFailed | None


def audit(ctx: Context, setups: Mapping[str, AccountSetup], calls: SharedCalls) -> wire.Audit:
    """Read every account that is used once, and compare it with the database; nothing is changed.

    All are read side by side: one that has not answered by the deadline is named, and delays no other.

    Raises:
        Misconfigured: no cloud has a key, so that nothing can be said about anything.
    """
    rows: list[wire.AuditRow] = []
    failed: dict[str, str] = {}
    clocks: dict[str, int] = {}
    watched = watched_accounts(ctx, setups)
    if setups and not watched:
        raise keyless(first_problem(setups))
    clients = {name: setup.client for name, setup in watched.items() if setup.client is not None}
    read = _read_accounts(ctx, clients, calls)
    for name, setup in watched.items():
        if (client := clients.get(name)) is None:
            failed[name] = setup.key_problem
            continue
        account, listing = read[name].account, read[name].listing
        if isinstance(listing, ReadFailed):
            failed[name] = why_unread(name, listing, setup.key_source)
            continue
        if listing.date is not None:
            clocks[name] = ctx.clock.now().wall - listing.date
        is_whole = listing.is_whole(client.traits.limits.list_proof)
        if not is_whole:
            failed[name] = listing.detail or "the list is incomplete"
        account_id = account.account_id if isinstance(account, Account) else ""
        rows += [_row(ctx, name, account_id, instance) for instance in listing.instances]
        rows += _missing(ctx, name, {i.instance_id for i in listing.instances}, is_whole)
        if isinstance(left := _leftovers(ctx, name, read[name].left, listing.instances), ReadFailed):
            failed[name] = f"what creates left there: {left.detail}"
        else:
            rows += left
    return wire.Audit(rows, failed, problems=len(failed) + sum(1 for row in rows if row.note), clock_off_us=clocks)


def _read_accounts(ctx: Context, clients: Mapping[str, Provider], calls: SharedCalls) -> dict[str, _Read]:
    asked: dict[Asked, Callable[[], Any]] = {
        _asked(name, client, endpoint): call
        for name, client in clients.items()
        for endpoint, call in _reads(ctx, client).items()
    }
    answers = ask_all(calls, ctx.clock, asked, AUDIT_LIMIT_S)
    return {
        name: _Read(
            answers.get(_asked(name, client, Endpoint.ACCOUNT)),
            answers[_asked(name, client, Endpoint.LIST)],
            answers.get(_asked(name, client, Endpoint.LEFTOVERS)),
        )
        for name, client in clients.items()
    }


def _asked(name: str, client: Provider, endpoint: Endpoint) -> Asked:
    """Calls of another client, which may have another account's key, are not joined."""
    return name, ("audit", endpoint, id(client))


def _reads(ctx: Context, client: Provider) -> dict[Endpoint, Callable[[], Any]]:
    """What to ask of one account. Where the identity is inferred, no call tells the account."""
    limit_s = AUDIT_LIMIT_S - SPARE_S
    ends_at = ctx.clock.monotonic() + limit_s
    reads: dict[Endpoint, Callable[[float], Any]] = {Endpoint.LIST: client.fetch_instances}
    if client.traits.identity is not Identity.INFERRED:
        reads[Endpoint.ACCOUNT] = client.fetch_account
    if client.traits.ending.leftovers and (able := leaving(client)) is not None:
        reads[Endpoint.LEFTOVERS] = able.fetch_leftovers

    def within(endpoint: Endpoint) -> Any:
        def call() -> Any:
            return reads[endpoint](ends_at - ctx.clock.monotonic())

        return blocking_read(ctx, client, endpoint, call, ends_at - ctx.clock.monotonic())

    return {endpoint: partial(within, endpoint) for endpoint in reads}


def _row(ctx: Context, provider: str, account: str, row: Instance) -> wire.AuditRow:
    at = {account} if account else None  # where the cloud tells no account, the id alone says which row it is
    known = next(iter(sessions.find_listed(ctx.store, provider, at, [row.instance_id], [])), None)
    owner = row.owner()
    if known is not None:
        return _view(provider, row, "ours", ctx, known, "" if known.is_open else "closed, but it is there")
    if owner is not None and owner.installation == ctx.installation.id:
        made = sessions.load_attempt(ctx.store, owner.attempt)
        if made is not None and made.provider != provider and made.account != account:
            return _view(provider, row, "ours_unknown", ctx, made, f"carries our label, made at {made.provider}")
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


def _leftovers(
    ctx: Context, provider: str, found: LeftoverList | ReadFailed | None, instances: Collection[Instance]
) -> list[wire.AuditRow] | ReadFailed:
    """Keys, scripts, templates and disks that carry our label; those of other people are none of our business."""
    if found is None:
        return []
    if isinstance(found, ReadFailed):
        return found
    if not found.complete:
        return ReadFailed(ErrorKind.SHAPE, "the list is incomplete")
    return [row for item in found.items if (row := _left_row(ctx, provider, item, instances)) is not None]


def _left_row(ctx: Context, provider: str, item: LeftoverItem, instances: Collection[Instance]) -> wire.AuditRow | None:
    owner = item.owner()
    if owner is None:
        return None
    made = sessions.find_listed(ctx.store, provider, None, [], [owner.text])
    known = [attempt for attempt in made if attempt.provider == provider]
    what = fate(item, ctx.installation.id, known, instances, ctx.policy_of(provider))
    if what is Fate.FOREIGN:
        return None
    is_waited_for = any(attempt.is_open for attempt in known)
    note = "" if what is Fate.IN_USE or (what is Fate.LEFT and is_waited_for) else _LEFT_NOTES[what]
    session = sessions.load_session(ctx.store, known[0].session_id) if known else None
    return wire.AuditRow(
        provider=provider,
        instance_id=item.item_id,
        kind="ours_unknown" if what is Fate.UNKNOWN else "ours",
        label=owner.text,
        status=item.kind.value,
        gpu="",
        rate=None,
        session="" if session is None else session.name,
        note=note,
    )


_LEFT_NOTES = {
    Fate.LEFT: "left of an instance that is gone",
    Fate.TAKEN: "left of an instance that is gone, and another one uses it",
    Fate.UNKNOWN: "carries our label, is in no record",
}


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
