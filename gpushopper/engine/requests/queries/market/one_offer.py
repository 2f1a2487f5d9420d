"""One offer by its id, a minute old at most, whether or not it fits anything."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries.market.market_search import offer_view
from gpushopper.engine.requests.queries.market.offer_choice import find_offer
from gpushopper.engine.requests.queries.market.search_criteria import requirements


def one_offer(handle: EngineHandle, key: str, query: wire.OneOfferQuery) -> wire.OfferView:
    """The offer with this key, priced for the disk, vCPU and memory of the query.

    Raises:
        NoOffer: it is not on the market.
        NotFound: no offer has such a key.
        ProviderFailed, KeyRejected: its cloud did not answer.
    """
    now = handle.ctx.clock.now()
    want = requirements(wire.SearchRequest(disk_gb=query.disk_gb, cpus=query.cpus, ram_gb=query.ram_gb))
    found, age_us = find_offer(handle, key, want, now)
    return offer_view(found, want.disk_gb, now.wall, age_us)
