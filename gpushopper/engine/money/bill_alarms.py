"""The alarms about bills: one for each session whose bill is not what we have counted, one for an account's balance."""

from __future__ import annotations

from collections.abc import Collection

from gpushopper.core import alarms
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm
from gpushopper.core.model.money import dollars
from gpushopper.core.spending.bills.bill_check import Comparison, Reading
from gpushopper.engine.context import Context
from gpushopper.engine.money.bills import SessionBill, compare_balances, session_bills
from gpushopper.store import sessions
from gpushopper.store.money import bills


def charges_alarms(ctx: Context, provider: str, changed: Collection[str]) -> list[Action]:
    """What the bills of these sessions raise or clear, now that they have been read anew."""
    found = [each for each in session_bills(ctx) if each.session_id in changed]
    names = {one.id: one.name for one in sessions.load_sessions_by_id(ctx.store, [each.session_id for each in found])}
    return [_about(each, provider, names[each.session_id]) for each in found]


def _about(one: SessionBill, provider: str, name: str) -> Action:
    compared = one.comparison
    if not compared.is_beyond:
        return ClearAlarm(alarms.BILL_DIFFERS, one.session_id)
    traffic = sum(each.charge.traffic for each in one.attempts)
    of_that = f", {dollars(traffic)} of it for traffic" if traffic * 100 > compared.billed else ""
    text = f"{name}: {provider} has billed {dollars(compared.billed)}{of_that}; {_counted(compared)}"
    return RaiseAlarm.with_hint(alarms.BILL_DIFFERS, one.session_id, text)


def _counted(compared: Comparison) -> str:
    more = "more" if compared.difference > 0 else "less"
    return f"that is {dollars(abs(compared.difference))} {more} than the {dollars(compared.ours)} counted here"


def record_balance(ctx: Context, provider: str, account: str, reading: Reading) -> list[Action]:
    """Store what is left on an account, and compare it with the reading before. Inside a transaction."""
    bills.save_balance(ctx.store, provider, account, reading)
    compared = compare_balances(ctx, provider, account)
    found = None if compared is None else compared[2]
    if found is None or not found.is_beyond:
        return [ClearAlarm(alarms.BILL_DIFFERS, provider)]
    text = f"{provider}: the account has lost {dollars(found.billed)} since the last look; {_counted(found)}"
    return [RaiseAlarm.with_hint(alarms.BILL_DIFFERS, provider, text)]
