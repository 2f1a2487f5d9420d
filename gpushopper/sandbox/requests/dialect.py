"""A dialect: one simulated cloud, as data. How one is added is told in `gpushopper/sandbox/__init__.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask

from gpushopper.sandbox.market.cloud_profile import CloudProfile
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.requests.wire import Wire

Environment = Callable[[Market, Instance, int], Mapping[str, str]]
"""Returns the environment of a live instance's processes, from its market, itself and its ssh port on loopback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(CloudProfile):
    """One simulated cloud: what the market knows of it, how its requests read, and its routes.

    `register` adds the routes to an application; every handler works with the context. `base_path` is
    what every address begins with and an adapter's endpoint ends with. `without` are the fault words that have no
    meaning at this cloud: the control surface refuses them.
    """

    wire: Wire
    register: Callable[[Flask, RequestContext], None]
    environment: Environment
    base_path: str = ""
    without: frozenset[str] = frozenset()
