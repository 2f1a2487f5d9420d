"""State of each account: key, health, balance, last complete list; and whether all are ready to rent (S18)."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper import wire
from gpushopper.clouds import console_of
from gpushopper.core.spending.forecast import burn_rate, runway_us
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.watched_accounts import shown_accounts, watched_accounts
from gpushopper.secrets.refused_key import refusal, remedy
from gpushopper.store import sessions


def accounts(handle: EngineHandle) -> list[wire.ProviderStatus]:
    """Every account that is used, or one that says what to do (watched_accounts.py), in the table's order."""
    return [_account(handle.ctx, handle.reconcilers[name]) for name in shown_accounts(handle.ctx, _setups(handle))]


def is_any_watched(handle: EngineHandle) -> bool:
    """Whether any account is used; without one nothing can be rented or ended."""
    return bool(watched_accounts(handle.ctx, _setups(handle)))


def _setups(handle: EngineHandle) -> dict[str, AccountSetup]:
    return {name: reconciler.setup for name, reconciler in handle.reconcilers.items()}


def are_ready(reconcilers: Mapping[str, AccountReconciler]) -> bool:
    """Whether every account with a key has been reconciled once (S18)."""
    return not not_ready(reconcilers)


def not_ready(reconcilers: Mapping[str, AccountReconciler]) -> list[str]:
    """The accounts with a key that have not been reconciled yet."""
    return [name for name, each in reconcilers.items() if each.client is not None and not each.is_ready]


def _account(ctx: Context, reconciler: AccountReconciler) -> wire.ProviderStatus:
    """How one account is doing."""
    health = reconciler.health
    if reconciler.client is None:
        state, detail = "keyless", reconciler.setup.key_problem
    elif reconciler.same_as:
        state, detail = "inconsistent", f"{reconciler.same_as} is the same account"
    elif health.is_degraded:
        state, detail = "degraded", health.last_error
    elif health.is_inconsistent:
        state, detail = "inconsistent", "its list lacks instances that you have"
    else:
        state, detail = ("ready", "") if health.is_ready else ("starting", health.last_error)
    setup, key_state, key_hint = reconciler.setup, reconciler.setup.key_state, reconciler.setup.key_hint
    if reconciler.client is not None and health.key_refusals.has_rejected:
        refused = refusal(reconciler.name, setup.key_source)
        detail = f"{refused}: {detail}" if detail else refused
        key_state, key_hint = "rejected", remedy(reconciler.name, setup.key_source)
    opened = sessions.load_attempts(ctx.store, provider=reconciler.name)
    rate = sum(burn_rate(attempt) for attempt in opened)
    return wire.ProviderStatus(
        name=reconciler.name,
        account=health.account_id,
        state=state,
        detail=detail,
        balance=health.balance,
        last_complete_list_at=health.complete_list_at,
        open_attempts=len(opened),
        key_source=setup.key_source,
        key_state=key_state,
        key_hint=key_hint,
        console=console_of(ctx.cloud_of(reconciler.name)),
        cloud=ctx.cloud_of(reconciler.name),
        burn_rate=rate,
        runway_us=runway_us(health.balance, rate),
        clock_off_us=_clock_off_us(reconciler.at(ctx.clock.now())),
    )


def _clock_off_us(now: ClockSnapshot) -> int | None:
    return None if now.provider_date is None else now.wall - now.provider_date
