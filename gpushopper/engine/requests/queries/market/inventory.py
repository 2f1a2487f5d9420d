"""Inventory: the offers of all accounts that fit a search, sorted and cut to a limit, or in groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from gpushopper import wire
from gpushopper.core.model.offer import GROUPINGS, Offer, rank, value_of
from gpushopper.core.spelling.gpus import gpu_token
from gpushopper.core.spelling.regions import region_country
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries.market.account_search import INVENTORY_LIMIT_S, Search
from gpushopper.engine.requests.queries.market.market_search import missing_accounts, offer_view, search_market
from gpushopper.engine.requests.queries.market.rentable_accounts import keyless_accounts
from gpushopper.engine.requests.queries.market.search_criteria import requirements
from gpushopper.engine.requests.refusals import why_unread
from gpushopper.errors import UsageError


def inventory(handle: EngineHandle, request: wire.SearchRequest) -> wire.Inventory:
    """Offers that fit, best first; a cloud that does not answer is named, and hides no other's offers.

    Raises:
        NotFound: no provider knows such a GPU; similar names are in the hint.
        UsageError: a filter, sort or grouping that does not exist.
        ProviderFailed, KeyRejected: no provider answered.
    """
    want = requirements(request)
    if request.group_by not in (None, *GROUPINGS):
        raise UsageError(f"cannot group by {request.group_by!r}", f"one of: {', '.join(GROUPINGS)}")
    is_cut = request.sort == "price" and request.group_by is None
    search = Search(want, request.offset + request.limit if is_cut else None, INVENTORY_LIMIT_S, shows_old=True)
    result = search_market(handle, search)
    part = slice(request.offset, request.offset + request.limit if request.limit > 0 else None)
    groups: list[wire.OfferGroup] = []
    shown: list[Offer] = []
    if request.group_by is not None:
        groups = _groups(result.offers, want.disk_gb, request.group_by, request.sort)[part]
    else:
        shown = rank(result.offers, want.disk_gb, request.sort)[part]
    now_wall = handle.ctx.clock.now().wall
    return wire.Inventory(
        [offer_view(offer, want.disk_gb, now_wall, result.ages.get(offer.provider, 0)) for offer in shown],
        total=len(result.offers),
        more=bool(result.cut),
        unavailable={name: why_unread(name, why, handle.ctx.key_source(name)) for name, why in result.failed.items()},
        invalid_prices=result.invalid_prices,
        unstated=result.unstated,
        missing=missing_accounts(handle.ctx, result, now_wall) + keyless_accounts(handle, want.provider),
        groups=groups,
    )


def _groups(offers: Iterable[Offer], disk_gb: float, by: str, sort: str) -> list[wire.OfferGroup]:
    """The groups, the one with the cheapest offer first, or the one with the best value."""
    members: dict[str, list[Offer]] = defaultdict(list)
    names: dict[str, str] = {}
    for offer in offers:
        name = {"gpu": offer.gpu, "cloud": offer.provider}.get(by) or _place(offer)
        key = gpu_token(name) if by == "gpu" else name
        names.setdefault(key, name)
        members[key].append(offer)
    groups = [_group(names[key], each, disk_gb) for key, each in members.items()]
    if sort == "value":
        return sorted(groups, key=lambda group: (-group.best_value, group.rate, group.name))
    return sorted(groups, key=lambda group: (group.rate, group.name))


def _place(offer: Offer) -> str:
    """Its country, else the region as its cloud calls it."""
    return "-" if offer.region is None else region_country(offer.region) or offer.region


def _group(name: str, offers: list[Offer], disk_gb: float) -> wire.OfferGroup:
    cheapest = min(offers, key=lambda offer: (offer.rate(disk_gb), offer.key))
    valued = max(offers, key=lambda offer: (value_of(offer, disk_gb), offer.key))
    # Offers of one type with one, two or more GPUs share its stock.
    types: dict[tuple[str, str, str | None], int] = {}
    for offer in offers:
        if not offer.is_single:
            place = (offer.provider, offer.gpu, offer.region)
            types[place] = max(types.get(place, 0), offer.stock or 0)
    return wire.OfferGroup(
        name=name,
        count=len(offers),
        rate=cheapest.rate(disk_gb),
        offer=cheapest.key,
        best_value=round(value_of(valued, disk_gb), 2),
        best_value_offer=valued.key,
        stock=sum(offer.is_single for offer in offers) + sum(types.values()),
        is_stock_known=all(offer.is_single or offer.stock is not None for offer in offers),
    )
