"""Inventory: the offers that fit a search, sorted and cut to a limit."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.model.offer import rank
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries.market_search import offer_view, search_market
from gpushopper.engine.requests.queries.search_criteria import requirements


def inventory(handle: EngineHandle, request: wire.SearchRequest) -> wire.Inventory:
    """Offers that fit, best first.

    Raises:
        NotFound: no provider knows such a GPU; similar names are in the hint.
        ProviderFailed: no provider answered.
    """
    want = requirements(request)
    result = search_market(handle, want, request.limit if request.sort == "price" else None)
    fitting = rank(result.offers, want.disk_gb, request.sort)
    shown = fitting[: request.limit] if request.limit > 0 else fitting
    return wire.Inventory(
        [offer_view(offer, want.disk_gb) for offer in shown],
        total=len(fitting),
        more=result.has_more,
        unavailable=result.failed,
        invalid_prices=result.invalid_prices,
        unstated=result.unstated,
    )
