"""Adapters for GPU clouds; each is imported only when an account of its cloud is connected.

Not here: which clouds there are (`clouds.py`), what an answer means for an attempt (`core/`), and when a call is made
(`engine/account/`).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from gpushopper import clouds
from gpushopper.errors import Misconfigured
from gpushopper.providers.base import Provider


def adapter(name: str) -> Callable[..., Provider]:
    """The function that connects an account: `connect(endpoint, credential, monotonic, transport=None, wait=None)`.

    Raises:
        NotFound: there is no such cloud.
        Misconfigured: its adapter is that of a package that is broken.
    """
    cloud = clouds.get(name)
    module, _, function = cloud.adapter.partition(":")
    try:
        connect: Callable[..., Provider] = getattr(import_module(module), function)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign package may raise anything when imported
        # Only the type: its text may hold anything, also the environment with its keys (I21).
        text = f"the adapter of {cloud.title} is not loaded: {type(error).__name__}"
        raise Misconfigured(text, f"reinstall the package of {cloud.adapter}", code="broken_adapter") from None
    return connect
