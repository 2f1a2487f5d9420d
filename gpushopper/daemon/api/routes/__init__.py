"""The routes of the local API, one file per noun; each parses a request and calls one command or query.

Not here: how requests are validated (`daemon/api/request_validation.py`), and what they do (`engine/requests/`).
"""

from __future__ import annotations

from gpushopper.daemon.api.routes import (
    alarms,
    budgets,
    consumers,
    costs,
    events,
    health,
    inventory,
    keys,
    process,
    provider_logs,
    providers,
    records,
    runs,
    sessions,
    why,
)

_NOUNS = (
    health, inventory, sessions, runs, why, provider_logs, costs, budgets, consumers, records, events, alarms,
    providers, keys, process,
)  # fmt: skip
BLUEPRINTS = tuple(module.blueprint for module in _NOUNS)
