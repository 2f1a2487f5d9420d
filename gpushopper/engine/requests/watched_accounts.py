"""Which accounts are shown and checked: a cloud that nobody uses is silent in status, health and audit."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.engine.context import AccountSetup, Context
from gpushopper.store import sessions
from gpushopper.store.accounts import known_account

NOT_ANSWERED = frozenset({"absent", "locked", "hung", "failing"})
"""Key states in which a keyring does not tell what it holds."""


def watched_accounts(ctx: Context, setups: Mapping[str, AccountSetup]) -> dict[str, AccountSetup]:
    """The accounts that are used, in their order.

    One that was ever used here is never silent: what we caused to exist there may still bill (F101).
    """
    open_there = sessions.providers_with_attempts(ctx.store)
    is_any_connected = any(setup.client is not None for setup in setups.values())
    return {
        name: setup
        for name, setup in setups.items()
        if setup.client is not None
        or setup.is_named
        or name in open_there
        or known_account(ctx.store, name) is not None
        or not _may_be_silent(setup, is_any_connected=is_any_connected)
    }


def _may_be_silent(setup: AccountSetup, *, is_any_connected: bool) -> bool:
    """Whether a cloud that was never used here has no key for all we know.

    A keyring that is absent, locked, hung or failing may hold the only key (F105). Once another cloud is connected, its
    key is elsewhere: otherwise every cloud would be a problem on a server without a keyring.
    """
    return setup.key_state == "missing" or (is_any_connected and setup.key_state in NOT_ANSWERED)


def shown_accounts(ctx: Context, setups: Mapping[str, AccountSetup]) -> dict[str, AccountSetup]:
    """The accounts that are used; where there is none, one that says what to do: a table is never silently empty."""
    watched = watched_accounts(ctx, setups)
    if watched or not setups:
        return watched
    first = first_problem(setups)
    return {first.provider: first}


def first_problem(setups: Mapping[str, AccountSetup]) -> AccountSetup:
    """The account without a key to speak of: one that may have a key, else one that is named, else the first."""
    found = sorted(setups.values(), key=lambda setup: (setup.key_state == "missing", not setup.is_named))
    return found[0]
