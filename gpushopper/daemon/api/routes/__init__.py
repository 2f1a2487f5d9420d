"""What answers the routes of the local API, one file per noun; each calls one command or query.

Not here: the routes themselves (`wire/api/routes.py`), how requests are validated (`daemon/api/request_validation.py`),
and what they do (`engine/requests/`).
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
SERVED = tuple(served for module in _NOUNS for served in module.handlers.served)
"""Every route of the table, with what answers it."""
