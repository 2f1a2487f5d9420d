"""Open alarms, and who is told of them (I30); a test of a channel waits for its receiver."""

from __future__ import annotations

from gpushopper.core.alerts.delivery import Result
from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.engine.requests.commands.acknowledge import acknowledge
from gpushopper.engine.requests.queries import alert_channels, events
from gpushopper.errors import NotFound
from gpushopper.wire import Acknowledged, AckRequest, Alarms, Channels, ChannelTest
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.ALARMS)
def alarms(call: Call[None, None]) -> Alarms:
    """What is open."""
    return events.alarms(call.ctx)


@handlers.serves(routes.ACKNOWLEDGE)
def acknowledged(call: Call[None, AckRequest]) -> Acknowledged:
    """One is acknowledged, or all are."""
    return Acknowledged(acknowledge(call.handle, call.body.alarm_id))


@handlers.serves(routes.CHANNELS)
def channels(call: Call[None, None]) -> Channels:
    """Where alerts are sent."""
    return alert_channels.channels(call.service.alerts)


@handlers.serves(routes.TEST_CHANNEL)
def test_channel(call: Call[None, None]) -> ChannelTest:
    """Send a test message, and wait for the receiver."""
    alerts = call.service.alerts
    channel = alerts.channels().get(call.name)
    if channel is None:
        raise NotFound(f"there is no channel {call.name}", "see: gpu-shopper notify ls")
    with provider_slot(call.service):
        outcome = alerts.test(call.name, channel)
    return ChannelTest(call.name, outcome.result is Result.DELIVERED, outcome.problem)
