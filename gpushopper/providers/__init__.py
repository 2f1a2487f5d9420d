"""Adapters for GPU clouds; each is imported only when an account of its cloud is connected.

Not here: which clouds there are (`clouds.py`), what an answer means for an attempt (`core/`), and when a call is made
(`engine/account/`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from gpushopper import clouds
from gpushopper.core.cloud import Traits
from gpushopper.core.model.label import LABEL_LENGTH
from gpushopper.core.policy import REAL
from gpushopper.errors import Misconfigured
from gpushopper.providers.base import Provider

_LABEL_LETTERS = "abcdefghijklmnopqrstuvwxyz234567-"


def adapter(name: str) -> Callable[..., Provider]:
    """The function that connects an account: `connect(endpoint, credential, monotonic, transport=None, wait=None)`.

    Raises:
        NotFound: there is no such cloud.
        Misconfigured: its adapter is that of a package that is broken.
    """
    cloud = clouds.get(name)
    connect: Callable[..., Provider] = _load(cloud, cloud.adapter)
    return connect


def traits(name: str) -> Traits:
    """The traits of a cloud, which apply with and without a key.

    Raises:
        NotFound, Misconfigured: as `adapter`.
    """
    cloud = clouds.get(name)
    found = _load(cloud, cloud.traits)
    if not isinstance(found, Traits):
        text = f"the adapter of {cloud.title} is not loaded: {cloud.traits} is no gpushopper.core.cloud.Traits"
        raise Misconfigured(text, f"update the package of {cloud.adapter}", code="broken_adapter")
    try:
        REAL.at(found.limits, found.pace)
        if re.compile(found.key_pattern).search(""):
            raise ValueError("its key pattern is found everywhere")
        if found.naming.max_length < LABEL_LENGTH or not re.fullmatch(f"[{found.naming.alphabet}]+", _LABEL_LETTERS):
            raise ValueError("its instances cannot carry our label")
    except (ValueError, TypeError, re.error) as error:
        text = f"the traits of {cloud.title} cannot be used: {error}"
        raise Misconfigured(text, f"update the package of {cloud.adapter}", code="broken_adapter") from None
    return found


def _load(cloud: clouds.Cloud, path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign package may raise anything when imported
        # Only the type: its text may hold anything, also the environment with its keys (I21).
        text = f"the adapter of {cloud.title} is not loaded: {type(error).__name__}"
        raise Misconfigured(text, f"reinstall the package of {cloud.adapter}", code="broken_adapter") from None
