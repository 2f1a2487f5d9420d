"""An account whose name the configuration gives to another cloud while something of ours is open at the former one.

Ids and labels are found by the account's name: the new cloud would be asked to destroy instances by the ids of the
former one, and its lists would speak about them (F45, F83).
"""

from __future__ import annotations

from dataclasses import replace

from gpushopper.engine.context import AccountSetup, Context
from gpushopper.store import sessions
from gpushopper.store.accounts import clouds_of_accounts


def at_its_cloud(ctx: Context, setup: AccountSetup) -> AccountSetup:
    """The setup; without its client, which closes, where what is open was made at another cloud."""
    opened = {attempt.account for attempt in sessions.load_attempts(ctx.store, provider=setup.provider)}
    former = sorted(clouds_of_accounts(ctx.store, setup.provider, opened) - {setup.cloud_name})
    if setup.client is None or not former:
        return setup
    setup.client.close()
    text = f"{setup.provider} is at {setup.cloud_name} now, and something of yours is open at {former[0]}"
    hint = f'put back [accounts.{setup.provider}] with cloud = "{former[0]}", and give the other account another name'
    return replace(
        setup, client=None, credential=None, traits=None, cloud=former[0], key_problem=text, key_hint=hint,
        key_state="refused",
    )  # fmt: skip
