"""Query of the channels of alerts: what each is told, what waits for it, and why."""

from __future__ import annotations

from gpushopper.engine.alerts.dispatch import AlertDispatch
from gpushopper.store.outbox import alerts as outbox
from gpushopper.wire import Channels, ChannelView


def channels(dispatch: AlertDispatch) -> Channels:
    """Every channel in the settings, in their order."""
    rows = []
    for name, channel in dispatch.channels().items():
        counts = outbox.counts_of(dispatch.ctx.store, name)
        kind = "" if channel.kind is None else channel.kind.value
        now = (counts.waiting, counts.problem, counts.delivered_at)
        rows.append(ChannelView(name, kind, list(channel.on), channel.enabled, *now))
    return Channels(rows)
