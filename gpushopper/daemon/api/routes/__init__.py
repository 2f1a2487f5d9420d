"""The routes of the local API, one file per noun; each parses a request and calls one command or query.

Not here: how requests are validated (`daemon/api/request_validation.py`), and what they do (`engine/requests/`).
"""

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
