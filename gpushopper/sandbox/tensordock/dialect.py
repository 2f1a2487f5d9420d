"""TensorDock as a dialect: billing, numbers, endpoints, routes and faults in one value (tensordock.md)."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from uuid import NAMESPACE_OID, UUID, uuid5

from flask import Flask

from gpushopper.sandbox.market.cloud_profile import BillingProfile
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Account, Instance, InstanceSpec
from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.requests.wire import Wire
from gpushopper.sandbox.tensordock import replies
from gpushopper.sandbox.tensordock.create_body import STORAGE_MINIMUM_GB, STORAGE_STEP_GB
from gpushopper.sandbox.tensordock.endpoints import BASE, BUCKET, ENDPOINTS, read_request, read_secret
from gpushopper.sandbox.tensordock.handlers import create, destroy, instances, manage, offers, secrets
from gpushopper.sandbox.tensordock.supply import make_supply

BILLING = BillingProfile(
    begins="create",
    stopped="all",
    offline="all",
    storage_minimum_gb=STORAGE_MINIMUM_GB,
    storage_step_gb=STORAGE_STEP_GB,
    least_credit_micros=1_000_000,
)
"""By the second from the create until the delete, a stop changes nothing, and below a dollar no create is accepted;
what runs bills on below zero (tensordock.md 11). From when it is billed is not documented: from the create."""

FOREIGN = InstanceSpec(
    0, image="ubuntu2404", disk_gb=100.0, kind="vm", foreign=True, vcpus=8, ram_gb=32, dedicated_ip=True
)


def _register(app: Flask, ctx: RequestContext) -> None:
    for part in (offers, create, instances, manage, destroy, secrets):
        part.register(app, ctx)


def _make_id(number: int, rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _credential(account: Account, secret: str) -> Mapping[str, str]:
    """Return the pair that an organization has: the id is used by no endpoint of API v2."""
    return {"authorization_id": str(uuid5(NAMESPACE_OID, f"tensordock {account.id}")), "api_token": secret}


def _environment(market: Market, instance: Instance, port: int) -> Mapping[str, str]:
    """Return nothing: a virtual machine is given no variables, no id and no key (tensordock.md 12)."""
    return {}


TENSORDOCK = Dialect(
    name="tensordock",
    first_account=9101,
    first_host=80_000,
    first_instance=50_000_000,
    billing=BILLING,
    make_id=_make_id,
    credential=_credential,
    make_supply=make_supply,
    foreign=FOREIGN,
    account_keys_log_in=False,
    wire=Wire(ENDPOINTS, read_request, read_secret, replies, BUCKET),
    register=_register,
    environment=_environment,
    base_path=BASE,
    kinds=("vm",),
    without=frozenset(
        ("error_with_id", "env_drop", "page_cut", "page_shift", "balance_lag", "429_plain_text", "key_scope", "misbill")
    ),
)
