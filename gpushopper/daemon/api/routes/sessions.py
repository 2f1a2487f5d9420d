"""Sessions: provision, adopt, list, get, change, end, forget; only what reads takes the beginning of a name."""

from __future__ import annotations

from contextlib import nullcontext

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.request_slots import login_slot, provider_slot
from gpushopper.engine.requests.commands import end as end_command
from gpushopper.engine.requests.commands import extend as extend_command
from gpushopper.engine.requests.commands import provision as provision_command
from gpushopper.engine.requests.commands import restart as restart_command
from gpushopper.engine.requests.commands import set_limits as limits_command
from gpushopper.engine.requests.commands.by_hand import adopt as adopt_command
from gpushopper.engine.requests.commands.by_hand import forget as forget_command
from gpushopper.engine.requests.commands.money import set_tags as tags_command
from gpushopper.engine.requests.queries import sessions as queries
from gpushopper.engine.requests.queries import ssh_connection
from gpushopper.wire import (
    Accepted,
    AdoptRequest,
    AdoptView,
    ConnectionView,
    EndRequest,
    ExtendRequest,
    ForgetRequest,
    ForgetView,
    LimitsRequest,
    ProvisionRequest,
    RestartRequest,
    Sessions,
    SessionsQuery,
    SessionView,
    TagsRequest,
)
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.PROVISION)
def provision(call: Call[None, ProvisionRequest]) -> Accepted:
    """Rent what a plan showed. The login of its image may be in a keyring, which may be slow."""
    with login_slot(call.service) if call.body.image_login else nullcontext():
        return provision_command.provision(call.handle, call.body, call.key)


@handlers.serves(routes.SESSIONS)
def sessions(call: Call[SessionsQuery, None]) -> Sessions:
    """All of them, or those of a consumer or status."""
    query = call.query
    return queries.sessions(call.ctx, query.consumer, query.status, query.open)


@handlers.serves(routes.SESSION)
def session(call: Call[None, None]) -> SessionView:
    """One of them."""
    return queries.session(call.ctx, call.ref)


@handlers.serves(routes.CONNECTION)
def connection(call: Call[None, None]) -> ConnectionView:
    """How to log in."""
    return ssh_connection.connection(call.ctx, call.ref)


@handlers.serves(routes.EXTEND)
def extend(call: Call[None, ExtendRequest]) -> SessionView:
    """Move its deadline."""
    return extend_command.extend(call.handle, call.ref, call.body, call.key)


@handlers.serves(routes.RESTART)
def restart(call: Call[None, RestartRequest]) -> Accepted:
    """Restart its instance."""
    return restart_command.restart(call.handle, call.ref, call.body, call.key)


@handlers.serves(routes.ADOPT)
def adopt(call: Call[None, AdoptRequest]) -> AdoptView:
    """Make an instance that a person names a session, or show what it would be."""
    with provider_slot(call.service):
        return adopt_command.adopt(call.handle, call.body, call.key)


@handlers.serves(routes.FORGET)
def forget(call: Call[None, ForgetRequest]) -> ForgetView:
    """Close an end that can never be proven, by ids that a person has typed."""
    return forget_command.forget(call.handle, call.ref, call.body, call.key)


@handlers.serves(routes.SET_TAGS)
def change_tags(call: Call[None, TagsRequest]) -> SessionView:
    """What its costs are grouped by."""
    return tags_command.change_tags(call.handle, call.ref, call.body, call.key)


@handlers.serves(routes.SET_LIMITS)
def set_limits(call: Call[None, LimitsRequest]) -> SessionView:
    """What may end it before its deadline."""
    return limits_command.set_limits(call.handle, call.ref, call.body, call.key)


@handlers.serves(routes.DONE)
@handlers.serves(routes.DELETE)
def end(call: Call[None, EndRequest]) -> Accepted:
    """End it."""
    return _end(call, [call.ref])


@handlers.serves(routes.SHUTDOWN)
def shutdown(call: Call[None, EndRequest]) -> Accepted:
    """End all of them."""
    return _end(call, None)


def _end(call: Call[None, EndRequest], refs: list[str] | None) -> Accepted:
    return end_command.end(call.handle, refs, call.body.reason, call.key, lands=call.body.lands)
