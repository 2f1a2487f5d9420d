"""The HTTP paths of the local API, one file per noun."""

from __future__ import annotations

from gpushopper.daemon.api.routes import (
    alarms,
    costs,
    events,
    health,
    inventory,
    keys,
    process,
    provider_logs,
    providers,
    sessions,
)

BLUEPRINTS = tuple(
    module.blueprint
    for module in (health, inventory, sessions, provider_logs, costs, events, alarms, providers, keys, process)
)
