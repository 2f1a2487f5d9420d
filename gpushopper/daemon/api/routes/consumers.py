"""Consumers: whom sessions are charged to."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.engine.requests.commands.money import consumers as commands
from gpushopper.engine.requests.queries.money import consumers as queries
from gpushopper.wire import ConsumerName, Consumers, ConsumerView
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.CONSUMERS)
def consumers(call: Call[None, None]) -> Consumers:
    """All of them."""
    return queries.list_consumers(call.ctx)


@handlers.serves(routes.ADD_CONSUMER)
def add_consumer(call: Call[None, ConsumerName]) -> ConsumerView:
    """Record one."""
    return queries.consumer_view(call.ctx, commands.add_consumer(call.handle, call.body.name, call.key))


@handlers.serves(routes.CONSUMER)
def consumer(call: Call[None, None]) -> ConsumerView:
    """One of them."""
    return queries.consumer_view(call.ctx, call.name)


@handlers.serves(routes.RENAME_CONSUMER)
def rename_consumer(call: Call[None, ConsumerName]) -> ConsumerView:
    """Give it another name."""
    return queries.consumer_view(call.ctx, commands.rename_consumer(call.handle, call.name, call.body.name, call.key))
