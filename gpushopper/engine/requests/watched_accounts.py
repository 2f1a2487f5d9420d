"""Which accounts are shown and checked: a cloud that nobody uses is silent in status, health and audit."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.engine.context import AccountSetup, Context
from gpushopper.store import sessions
from gpushopper.store.accounts import known_account


def watched_accounts(ctx: Context, setups: Mapping[str, AccountSetup]) -> dict[str, AccountSetup]:
    """The accounts that are used, in their order."""
    open_there = {attempt.provider for attempt in sessions.load_attempts(ctx.store)}
    is_any_connected = any(setup.client is not None for setup in setups.values())
    return {
        name: setup
        for name, setup in setups.items()
        if setup.client is not None
        or setup.is_named
        or name in open_there
        or not _has_no_key(ctx, setup, is_any_connected=is_any_connected)
    }


def _has_no_key(ctx: Context, setup: AccountSetup, *, is_any_connected: bool) -> bool:
    """Whether there is no key for all we know; a keyring that is locked or hangs may hold one (F105).

    Where no keyring can be reached at all, as on a server, the other cloud's key is elsewhere, and this one has never
    opened an account here, there is none either: otherwise every cloud would be a problem on such a computer.
    """
    if setup.key_state == "absent":
        return is_any_connected and known_account(ctx.store, setup.provider) is None
    return setup.key_state == "missing"


def first_problem(setups: Mapping[str, AccountSetup]) -> AccountSetup:
    """The account without a key to speak of: one that may have a key, else one that is named, else the first."""
    found = sorted(setups.values(), key=lambda setup: (setup.key_state == "missing", not setup.is_named))
    return found[0]
