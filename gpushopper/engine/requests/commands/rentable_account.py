"""Refusals to rent: no key, account not ready, list inconsistent, clock skew, full disk, spending limit, balance."""

from __future__ import annotations

from gpushopper.core.lifecycle.account_choice import AccountState
from gpushopper.core.spending.admission import BALANCE, Denial
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import Context
from gpushopper.engine.requests.refusals import keyless, no_guard, one_account, unguarded
from gpushopper.errors import DiskFull, NotReady, Refused, ShopperError
from gpushopper.paths import FREE_FLOOR
from gpushopper.providers.base import Provider


def rentable_client(ctx: Context, reconciler: AccountReconciler, *, allow_unguarded: bool = False) -> Provider:
    """The account's client, once all holds that must hold before money is spent (I20, S10, S16, F67).

    Raises:
        Misconfigured: there is no key, or two names are one account.
        Refused: the home was copied or moved, instances could not end by themselves and that was not accepted, the
            account is another one, or its list is inconsistent.
        NotReady: the account has had no complete list yet (S18).
        DiskFull: too little space is free.
    """
    if not ctx.may_spend:
        hint = "run: gpu-shopper config installation keep (it moved) or new (it is a copy)"
        text = "this home folder was copied or moved: nothing is rented until you choose"
        raise Refused(text, hint, code="home_copied")
    if reconciler.client is None:
        raise keyless(reconciler.setup)
    if not reconciler.can_rent:
        raise no_guard(reconciler.setup)
    if not (reconciler.ends_alone or allow_unguarded):
        raise unguarded(reconciler.setup, ctx.ending_of(reconciler.name).kind)
    health = reconciler.health
    if health.wrong_account:
        is_told = reconciler.identity is None
        what = "belongs to another account than" if is_told else "is not proven to be of the account of"
        text = f"{reconciler.name}: the key {what} your sessions"
        raise Refused(text, "see: gpu-shopper alarms", code="wrong_account")
    if reconciler.same_as:
        raise one_account(reconciler.name, reconciler.same_as)
    if health.is_inconsistent:
        text = f"{reconciler.name}'s list lacks instances that you have: nothing is rented until it is consistent again"
        raise Refused(text, "try again in a minute; if it stays so: gpu-shopper alarms", code="list_inconsistent")
    if not reconciler.is_ready:
        why = health.last_error or "its first complete list is being read"
        raise NotReady(f"{reconciler.name} is not ready: {why}", "try again in a moment, or see: gpu-shopper status")
    if ctx.store.free_bytes() < FREE_FLOOR:
        raise DiskFull("less than 200 MB are free: nothing new is rented", "free some space first")
    return reconciler.client


def account_state(ctx: Context, reconciler: AccountReconciler, now: ClockSnapshot) -> AccountState:
    """The account as failover sees it: whether it can rent now, whatever the session."""
    health, unable = reconciler.health, ""
    try:
        rentable_client(ctx, reconciler, allow_unguarded=True)
    except ShopperError as refusal:
        unable = refusal.message
    if not unable and health.is_degraded:
        unable = f"{reconciler.name} cannot be read: {health.last_error}"
    return AccountState(
        name=reconciler.name,
        account=health.account_id,
        at=reconciler.at(now),
        traits=ctx.traits.get(reconciler.name),
        ends_alone=reconciler.ends_alone,
        unable=unable,
    )


def refuse_wrong_clock(now: ClockSnapshot) -> None:
    """A deadline written by a clock that is wrong would come at the wrong time (F62, I12).

    Raises:
        Refused: our clock and the provider's are too far apart.
    """
    if clocks_disagree(now):
        text = "this computer's clock and the provider's are more than two minutes apart"
        raise Refused(text, "set the clock, then try again", code="clock_skew")


def refuse_denied(denial: Denial | None) -> None:
    """Turn a spending limit or the balance that would be exceeded into an error (I13).

    Raises:
        Refused: with the name of the limit as its code.
    """
    if denial is not None:
        raise denied(denial)


def denied(denial: Denial) -> Refused:
    """The error of a spending limit, a budget, or a balance that is too small."""
    if denial.hint:
        return Refused(denial.text, denial.hint, code=denial.rule)
    if denial.rule == BALANCE:
        return Refused(denial.text, "add credit at the provider, or request less time", code=denial.rule)
    return Refused(denial.text, f"raise {denial.rule} in the configuration, or end a session", code=denial.rule)
