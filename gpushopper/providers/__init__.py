"""Adapters for GPU clouds: the table of providers and their API addresses; each adapter is imported only when used.

Not here: what an answer means for an attempt (`core/`), and when a call is made (`engine/account/`).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from gpushopper.providers.base import Provider

ADAPTERS = {
    "vast": "gpushopper.providers.vast:connect",
}

ENDPOINTS = {
    "vast": "https://console.vast.ai",
}
"""Each provider's API address; the user's configuration may replace it, a project's may not."""


def adapter(name: str) -> Callable[..., Provider]:
    """The function that connects an account: `connect(endpoint, key, monotonic, transport=None, wait=None)`."""
    module, function = ADAPTERS[name].split(":")
    connect: Callable[..., Provider] = getattr(import_module(module), function)
    return connect
