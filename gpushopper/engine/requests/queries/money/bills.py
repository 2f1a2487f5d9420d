"""`costs --verify`: the clouds' bills, read now, beside what we have counted; needs their keys, and waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gpushopper import wire
from gpushopper.clouds import console_of
from gpushopper.core.model.records.charge import ChargeList
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import Context
from gpushopper.engine.money.bill_alarms import charges_alarms
from gpushopper.engine.money.bills import SessionBill, beyond_use_us, compare_balances, record_charges, session_bills
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.side_by_side import SPARE_S, Asked, ask_all
from gpushopper.engine.requests.watched_accounts import watched_accounts
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import ReadFailed
from gpushopper.providers.charges import charging
from gpushopper.store import sessions
from gpushopper.store.money import bills as table

LIMIT_S = 40.0
"""For all accounts together."""

CHARGES, BALANCE, NOTHING = "charges", "balance", "nothing"


def verify(handle: EngineHandle) -> wire.Bills:
    """Read what every account was billed, record it, and show it beside our count. Waits on the caller's thread."""
    ctx, problems = handle.ctx, {}
    for name, found in _read(handle).items():
        if isinstance(found, ReadFailed):
            problems[name] = found.detail
        elif not found.complete:
            problems[name] = found.detail or "the list of charges is not whole"
        else:
            _record(ctx, handle.reconcilers[name], found)
    with ctx.store.read():
        known = session_bills(ctx)
        return _view(handle, known, problems)


def _read(handle: EngineHandle) -> dict[str, ChargeList | ReadFailed]:
    """The charges of each account that tells any, side by side; one that hangs delays no other."""
    ctx = handle.ctx
    now, asked = ctx.clock.now().wall, {}
    for name, reconciler in handle.reconcilers.items():
        client = charging(reconciler.client)
        if client is not None and reconciler.health.account_id and not reconciler.health.wrong_account:
            start_at = now - us(ctx.policy_of(name).bill_lookback_s)
            call: Callable[[], Any] = partial(client.fetch_charges, start_at, now, LIMIT_S - SPARE_S)
            key: Asked = (name, ("charges", id(client)))
            asked[key] = call
    return {key[0]: found for key, found in ask_all(handle.calls, ctx.clock, asked, LIMIT_S).items()}


def _record(ctx: Context, reconciler: AccountReconciler, found: ChargeList) -> None:
    now, name = ctx.clock.now(), reconciler.name
    with ctx.store.transaction():
        changed = record_charges(ctx, name, reconciler.health.account_id, found, now.wall)
        Transaction(ctx, now, name).run(charges_alarms(ctx, name, changed))


def _view(handle: EngineHandle, known: Sequence[SessionBill], problems: dict[str, str]) -> wire.Bills:
    ctx = handle.ctx
    names = {one.id: one.name for one in sessions.load_sessions_by_id(ctx.store, [each.session_id for each in known])}
    rows = [bill_row(each, names[each.session_id]) for each in known]
    return wire.Bills(
        rows=sorted(rows, key=lambda row: (-abs(row.difference_micros), row.name)),
        accounts=[_account(handle, name, known, problems.get(name, "")) for name in _names(handle)],
        unbilled=_unbilled(handle, {each.attempt.id for one in known for each in one.attempts}),
        ours_micros=sum(row.ours_micros for row in rows),
        billed_micros=sum(row.billed_micros for row in rows),
    )


def bill_row(one: SessionBill, name: str) -> wire.BillRow:
    """One session's bill beside our count."""
    compared, charges = one.comparison, [each.charge for each in one.attempts]
    return wire.BillRow(
        session=one.session_id,
        name=name,
        provider=one.attempts[-1].attempt.provider,
        ours_micros=compared.ours,
        billed_micros=compared.billed,
        difference_micros=compared.difference,
        tolerance_micros=compared.tolerance,
        is_beyond=compared.is_beyond,
        is_settled=compared.is_settled,
        gpu_micros=sum(charge.gpu for charge in charges),
        storage_micros=sum(charge.storage for charge in charges),
        traffic_micros=sum(charge.traffic for charge in charges),
        other_micros=sum(charge.other for charge in charges),
        until_at=max(each.charge.until_at or each.read_at for each in one.attempts),
        read_at=max(each.read_at for each in one.attempts),
    )


def _names(handle: EngineHandle) -> list[str]:
    """The accounts that are used."""
    return list(watched_accounts(handle.ctx, {name: one.setup for name, one in handle.reconcilers.items()}))


def _account(handle: EngineHandle, name: str, known: Sequence[SessionBill], problem: str) -> wire.AccountBill:
    reconciler = handle.reconcilers[name]
    console = console_of(reconciler.setup.cloud_name)
    if reconciler.client is None:
        return wire.AccountBill(name, NOTHING, reconciler.setup.key_problem, console=console)
    if reconciler.health.wrong_account:
        problem = problem or "the key is not proven to be of this account"
    if charging(reconciler.client) is not None:
        return wire.AccountBill(name, CHARGES, problem, beyond_use_us(known, name), console=console)
    found = compare_balances(handle.ctx, name, reconciler.health.account_id)
    if found is None:
        source = NOTHING if reconciler.health.balance is None else BALANCE
        return wire.AccountBill(name, source, problem, console=console)
    before, after, compared = found
    return wire.AccountBill(
        name,
        BALANCE,
        problem,
        start_at=before.at,
        end_at=after.at,
        lost_micros=None if compared is None else compared.billed,
        ours_micros=None if compared is None else compared.ours,
        is_beyond=compared is not None and compared.is_beyond,
        console=console,
    )


def _unbilled(handle: EngineHandle, billed: set[str]) -> list[str]:
    """The names of sessions whose instance has ended and whose cloud, which tells charges, has told none of it yet."""
    ctx, missing = handle.ctx, []
    for name, reconciler in handle.reconcilers.items():
        if charging(reconciler.client) is not None:
            since = ctx.clock.now().wall - us(ctx.policy_of(name).bill_lookback_s)
            ids = table.attempts_with_instance(ctx.store, name, reconciler.health.account_id, since)
            missing += sessions.load_attempts_by_id(ctx.store, [each for each in ids if each not in billed])
    ended = [each.session_id for each in missing if not each.is_open]
    return sorted({one.name for one in sessions.load_sessions_by_id(ctx.store, ended)})
