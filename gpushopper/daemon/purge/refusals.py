"""Why a home may not be removed: something may still bill, or it is not known that nothing does.

Its records are all that says what we caused to exist; without them nothing ends it but its guard (I20, F69).
"""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.requests.queries.audit import audit
from gpushopper.engine.requests.watched_accounts import watched_accounts
from gpushopper.engine.shared_calls import SharedCalls
from gpushopper.errors import Refused
from gpushopper.store import alarms, sessions

FOREIGN = "foreign"


class MayBill(Refused):
    """Something may still bill."""

    code = "may_bill"


def refuse_while_billing(
    ctx: Context, setups: Mapping[str, AccountSetup], calls: SharedCalls, *, has_seen_console: bool
) -> None:
    """Return where nothing can bill any more; `has_seen_console`: a person has looked at accounts that do not answer.

    Raises:
        MayBill: something may.
    """
    held = {attempt.session_id for attempt in sessions.load_attempts(ctx.store)}
    names = [each.name for each in sessions.load_sessions(ctx.store, open_only=True) if each.id in held]
    if held:
        raise MayBill(f"may still bill: {', '.join(names)}", "end them: gpu-shopper shutdown --all --wait proven")
    if damaged := sorted(ctx.home.database.parent.glob(f"{ctx.home.database.name}.damaged-*")):
        text = f"{damaged[-1]} may be the only record of instances"
        raise MayBill(text, "when you know that nothing of it bills, move it away")
    if shown := alarms.open_alarms(ctx.store):
        number = shown[0].id
        hint = f"see: gpu-shopper alarms; then: gpu-shopper alarms ack {number}"
        raise MayBill(f"an alarm is shown: {shown[0].text}", hint)
    if watched_accounts(ctx, setups):
        _look_at_accounts(ctx, setups, calls, has_seen_console=has_seen_console)


def _look_at_accounts(
    ctx: Context, setups: Mapping[str, AccountSetup], calls: SharedCalls, *, has_seen_console: bool
) -> None:
    found = audit(ctx, setups, calls)
    ours = [row for row in found.rows if row.kind != FOREIGN]
    if ours:
        what = ", ".join(f"{row.provider} {row.instance_id}" for row in ours)
        raise MayBill(f"on your accounts, and not foreign: {what}", "see: gpu-shopper audit")
    if found.unavailable and not has_seen_console:
        what = "; ".join(f"{name} could not be seen: {why}" for name, why in found.unavailable.items())
        hint = (
            "look at the cloud's web page; if nothing of yours is there: "
            "gpu-shopper daemon purge --i-checked-the-console"
        )
        raise MayBill(what, hint)
