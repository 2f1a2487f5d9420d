"""A tiny second cloud, for tests of the seam: ids, key, routes, errors and billing that the first one does not have."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any
from uuid import UUID

from flask import Flask, Response, json, request

from gpushopper.sandbox.market.cloud_profile import BillingProfile
from gpushopper.sandbox.market.market import Market, NoCredit, OfferGone
from gpushopper.sandbox.market.model import Account, Instance, InstanceSpec
from gpushopper.sandbox.rate_limits import Gap
from gpushopper.sandbox.requests.creates import rent
from gpushopper.sandbox.requests.destroys import destroy_on_market
from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.sandbox.requests.endpoint import Endpoint
from gpushopper.sandbox.requests.ledger_records import begin_destroy
from gpushopper.sandbox.requests.pages import gateway_error
from gpushopper.sandbox.requests.reads import launch_foreign_instances, listed_instances
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.requests.wire import RequestFacts, Wire
from gpushopper.sandbox.timing import SECOND

ENDPOINTS = {
    "list_machines": Endpoint("list", "read", Gap(2)),
    "create_machine": Endpoint("create", "write", Gap(0)),
    "delete_machine": Endpoint("destroy", "write", Gap(0)),
}


def reply(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


class Refusals:
    """Errors come with status 200 and a number in the body, as some clouds have them."""

    def no_key(self) -> Response:
        return self.failure(401, "no key")

    def bad_key(self, status: int | None = None) -> Response:
        return self.failure(status or 401, "bad key")

    def revoked_key(self) -> Response:
        return self.bad_key()

    def not_its_own(self) -> Response:
        return self.failure(403, "not yours")

    def lacks_permission(self, scope: str | None) -> Response:
        return self.failure(403, "not allowed")

    def by_status(self, status: int, path: str) -> Response:
        return gateway_error(status) if status >= 500 else self.failure(status, "refused")

    def not_json(self) -> Response:
        return self.failure(400, "no JSON")

    def unknown_route(self, status: int, name: str) -> Response:
        return reply({"error": name}, status)

    def too_many_requests(self, form: str, gap_s: float, retry_after: int | None, reset_at: int) -> Response:
        return reply({"error": "slow down"}, 429)

    def error_of(self, status: int, body: Any) -> str | None:
        return body.get("error")

    def failure(self, status: int, text: str) -> Response:
        return reply({"status": status, "error": text})


REFUSALS = Refusals()


def read_request(name: str, endpoint: Endpoint, body: dict[str, Any]) -> RequestFacts:
    return RequestFacts(endpoint.call, label=body.get("name"))


def read_secret() -> str | None:
    return request.headers.get("X-Toy-Token")


def environment(market: Market, instance: Instance, port: int) -> Mapping[str, str]:
    return {"TOY_MACHINE": instance.cloud_id}


def make_id(number: int, rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def credential(account: Account, secret: str) -> Mapping[str, str]:
    return {"organisation": str(account.id), "token": secret}


def register(app: Flask, ctx: RequestContext) -> None:
    @app.get("/machines")
    def list_machines() -> Response:
        launch_foreign_instances(ctx)
        rows = [{"id": i.cloud_id, "name": i.label, "state": str(i.phase)} for i in listed_instances(ctx)]
        return reply({"machines": rows})

    @app.post("/machines")
    def create_machine() -> Response:
        body = ctx.current.body
        offers = ctx.market.supply[ctx.provider].offers.values()
        offer = next(offer for offer in offers if ctx.market.is_free(offer))
        try:
            made = rent(ctx, InstanceSpec(offer.id, label=body["name"], disk_gb=body["disk"], kind="vm"))
        except (OfferGone, NoCredit) as error:
            return REFUSALS.failure(400, type(error).__name__)
        return gateway_error(503) if made is None else reply({"id": made.cloud_id})

    @app.delete("/machines/<instance_id>")
    def delete_machine(instance_id: str) -> Response:
        record = begin_destroy(ctx, instance_id)
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return reply({"error": "unknown machine"}, 404)
        record.effect = destroy_on_market(ctx, instance)
        return reply({})


TOY = Dialect(
    name="toy",
    first_account=9001,
    first_host=90_000,
    first_instance=90_000_000,
    make_id=make_id,
    credential=credential,
    billing=BillingProfile(
        granularity_us=60 * SECOND,
        minimum_us=600 * SECOND,
        storage_included_gb=20,
        storage_step_gb=50,
        least_credit_micros=1_000_000,
    ),
    wire=Wire(ENDPOINTS, read_request, read_secret, REFUSALS),
    register=register,
    environment=environment,
    kinds=("vm",),
)
