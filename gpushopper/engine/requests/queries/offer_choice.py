"""Choose the offers that a plan may rent: the cheapest that fit, or the one named by its id."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core.model.money import dollars
from gpushopper.core.model.offer import Offer, Requirements, fits, is_rentable, rank
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.context import Context
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.offer_cache import OFFERS_FRESH_S
from gpushopper.engine.requests.queries.market_search import resolve_gpus, search_account, search_market
from gpushopper.engine.requests.queries.search_criteria import has_requested_memory
from gpushopper.engine.requests.refusals import unanswered
from gpushopper.errors import NoOffer, NotFound
from gpushopper.providers.base import OfferQuery, ReadFailed
from gpushopper.store.sessions import offers_attempted_since


def candidates(
    handle: EngineHandle, offer_key: str | None, want: Requirements, now: ClockSnapshot
) -> tuple[list[Offer], dict[str, int]]:
    """The offers that may be rented, cheapest first; only that offer where its key is given.

    With them, how many were left out because their cloud does not say what is required, by that.

    Raises:
        NoOffer: there is none; the cheapest above the price cap is named.
        NotFound: no offer has this key.
    """
    if offer_key is not None:
        return [_offer_by_key(handle, offer_key, want, now)], {}
    result = search_market(handle, replace(want, max_rate=None), limit=64)
    tried = offers_attempted_since(handle.ctx.store, now.wall - us(2 * OFFERS_FRESH_S))
    # Accounts of one cloud see the same offers: one that was rented through any of them is used up.
    used = {_at_cloud(handle.ctx, key): at for key, at in sorted(tried.items(), key=lambda each: each[1])}
    rentable = [
        offer
        for offer in result.offers
        if is_rentable(offer, want, now.wall) and used.get(_at_cloud(handle.ctx, offer.key), -1) < offer.seen_at
