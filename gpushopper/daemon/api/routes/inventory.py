"""Offers of the market, and what a session on one would cost; all may wait for a provider."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.engine.requests.queries.market import inventory as inventory_query
from gpushopper.engine.requests.queries.market import plan as plan_query
from gpushopper.engine.requests.queries.market.one_offer import one_offer
from gpushopper.wire import Inventory, OfferView, OneOfferQuery, Plan, PlanRequest, SearchRequest
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.INVENTORY)
def inventory(call: Call[SearchRequest, None]) -> Inventory:
    """What the market offers."""
    with provider_slot(call.service):
        return inventory_query.inventory(call.handle, call.query)


@handlers.serves(routes.OFFER)
def offer(call: Call[OneOfferQuery, None]) -> OfferView:
    """One offer, a minute old at most."""
    with provider_slot(call.service):
        return one_offer(call.handle, call.parts["offer"], call.query)


@handlers.serves(routes.PLAN)
def plan(call: Call[None, PlanRequest]) -> Plan:
    """What would be rented."""
    with provider_slot(call.service):
        return plan_query.plan(call.handle, call.body)
