"""The user's word that another key is of the account that holds the sessions, where the cloud tells none (F45)."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.clouds import console_of
from gpushopper.core.cloud import Identity
from gpushopper.core.listing.same_account import BY_USER, accounts_of
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.refusals import keyless
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import Refused, UsageError
from gpushopper.store import account_keys, sessions


def unproven_account(ctx: Context, setup: AccountSetup) -> wire.SameAccountView:
    """What would be trusted: each open instance or uncertain create that the key is not proven to be of.

    Raises:
        UsageError: the cloud tells its account.
        Misconfigured: there is no key.
    """
    _check(setup)
    opened = _unproven(ctx, setup)
    names = {s.id: s.name for s in sessions.load_sessions_by_id(ctx.store, sorted({a.session_id for a in opened}))}
    rows = [wire.TrustedRow(names[a.session_id], a.instance_id, a.instance_id or names[a.session_id]) for a in opened]
    return wire.SameAccountView(setup.provider, console_of(ctx.cloud_of(setup.provider)), rows)


def trust(handle: EngineHandle, setup: AccountSetup, typed: list[str]) -> wire.SameAccountView:
    """Record that the setup's key is of the account; `typed` proves that a person looked there. Durable on return.

    Raises:
        Refused: what was typed is not what would be trusted; nothing was recorded.
        UsageError, Misconfigured: as `unproven_account`.
    """
    ctx, now = handle.ctx, handle.ctx.clock.now()
    with ctx.store.transaction():
        found = unproven_account(ctx, setup)
        if {*typed} != {row.typed for row in found.rows}:
            needed = " ".join(f"--instance {row.typed}" for row in found.rows) or "none"
            text = f"those are not what this key must see at {found.console}"
            raise Refused(text, f"look there, then type all of them: {needed}", code="not_the_same_account")
        for account in sorted({attempt.account for attempt in _unproven(ctx, setup)}):
            account_keys.record_key(ctx.store, setup.provider, account, ctx.key_digest(setup), BY_USER, now.wall)
        if found.rows:
            text = f"{setup.provider}: its key is of the same account, by a person's word"
            Transaction(ctx, now).add_event(EventDraft("account_trusted", text))
    handle.notify()
    return found


def _check(setup: AccountSetup) -> None:
    if setup.client is None:
        raise keyless(setup)
    if setup.client.traits.identity is Identity.TOLD:
        text = f"{setup.provider} says itself which account a key is of"
        raise UsageError(text, "leave out --same-account", code="account_is_told")


def _unproven(ctx: Context, setup: AccountSetup) -> list[Attempt]:
    """Open attempts of other accounts than the key's. One that is only prepared can have made nothing."""
    own = accounts_of(account_keys.recorded_keys(ctx.store, setup.provider), ctx.key_digest(setup))
    opened = sessions.load_attempts(ctx.store, provider=setup.provider)
    return [a for a in opened if a.account not in own and a.state is not State.PREPARED]
