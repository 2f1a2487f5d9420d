"""Vast.ai as a dialect: billing, numbers, endpoints, routes and environment in one value (vastai.md)."""

from __future__ import annotations

from flask import Flask

from gpushopper.sandbox.market.cloud_profile import BillingProfile
from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.requests.wire import Wire
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.endpoints import ENDPOINTS
from gpushopper.sandbox.vast.environment import environment
from gpushopper.sandbox.vast.handlers import account, create, destroy, instances, logs, manage, search
from gpushopper.sandbox.vast.request_bodies import read_request, read_secret

BILLING = BillingProfile(
    begins="running",
    stopped="storage",
    offline="nothing",
    bills_traffic=True,
    stops_without_credit=True,
)
"""By the second and without a minimum: GPU and traffic only while running, the disk in every phase in which the
contract exists except offline (vastai.md 15)."""


def _register(app: Flask, ctx: RequestContext) -> None:
    for part in (search, create, instances, manage, destroy, account, logs):
        part.register(app, ctx)


VAST = Dialect(
    name="vast",
    first_account=7001,
    first_host=40_000,
    first_instance=33_400_000,
    billing=BILLING,
    has_contracts=True,  # vastai.md 12
    stopped_keeps_gpus=False,  # vastai.md 6
    wire=Wire(ENDPOINTS, read_request, read_secret, replies),
    register=_register,
    environment=environment,
    without=frozenset(("shape", "needs_key", "stale_stock", "no_forwards", "key_drop", "no_content")),
)
