"""Keys: read again, trusted by a person, and where they are looked for. No key is sent."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.keys.account_setup import key_environment
from gpushopper.engine.requests.commands.same_account import trust, unproven_account
from gpushopper.engine.requests.queries.accounts import accounts
from gpushopper.wire import KeyEnvironment, Providers, SameAccountRequest, SameAccountView
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.RELOAD_KEYS)
def reload(call: Call[None, None]) -> Providers:
    """Read them again."""
    with provider_slot(call.service):
        call.service.keys.reload()
    return Providers(accounts(call.handle))


@handlers.serves(routes.KEY_ENVIRONMENT)
def environment(call: Call[None, None]) -> KeyEnvironment:
    """Where the daemon looks for them."""
    keys = call.service.keys
    return KeyEnvironment(keys.keyless(), keys.held(), key_environment())


@handlers.serves(routes.SAME_ACCOUNT)
def same_account(call: Call[None, SameAccountRequest]) -> SameAccountView:
    """Trust one by what was typed, or show what that would be."""
    setup = call.service.keys.setup(call.body.provider)
    if call.body.typed is None:
        return unproven_account(call.ctx, setup)
    return trust(call.handle, setup, call.body.typed)
