"""Choose the offers that a plan may rent: the cheapest that fit, or the one named by its id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from gpushopper.core.model.money import dollars
from gpushopper.core.model.offer import Offer, Requirements, Tried, fits, is_rentable, is_used_up, rank
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.context import Context
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.offer_cache import OFFERS_FRESH_S
from gpushopper.engine.requests.queries.market.account_search import (
    PLAN_LIMIT_S,
    Search,
    ask_accounts,
    read_gpu_names,
    read_offers,
)
from gpushopper.engine.requests.queries.market.market_search import SearchResult, search_market
from gpushopper.engine.requests.queries.market.search_criteria import (
    Models,
    has_requested_memory,
    known_models,
    refuse_unknown_gpus,
)
from gpushopper.engine.requests.refusals import keyless, unanswered
from gpushopper.engine.requests.side_by_side import SPARE_S
from gpushopper.errors import NoOffer, NotFound
from gpushopper.providers.base import OfferQuery, ReadFailed
from gpushopper.store.sessions import attempts_since


def candidates(
    handle: EngineHandle,
    offer_key: str | None,
    want: Requirements,
    now: ClockSnapshot,
    leave_out: Collection[str] = (),
) -> tuple[list[Offer], SearchResult]:
    """The offers that may be rented, cheapest first, also those above the cap; only that one where its key is given.

    None is of an account to leave out, and none is older than a minute. With them, the search that found them.

    Raises:
        NoOffer: there is none within the price cap; the cheapest above it is named.
        NotFound: no offer has this key.
    """
    if offer_key is not None:
        return [_offer_by_key(handle, offer_key, want, now)], SearchResult()
    result = search_market(handle, Search(replace(want, max_rate=None), 64, PLAN_LIMIT_S), leave_out)
    # Accounts of one cloud see the same offers: one that was rented through any of them is used up.
    tried: dict[str, list[Tried]] = defaultdict(list)
    for each in attempts_since(handle.ctx.store, now.wall - us(2 * OFFERS_FRESH_S)):
        tried[_at_cloud(handle.ctx, each.offer_key)].append(Tried(each.prepared_at, each.reason))
    rentable = [
        offer
        for offer in result.offers
        if is_rentable(offer, want, now.wall) and not is_used_up(offer, tried[_at_cloud(handle.ctx, offer.key)])
    ]
    ranked = rank(rentable, want.disk_gb)
    if any(want.max_rate is None or offer.rate(want.disk_gb) <= want.max_rate for offer in ranked):
        return ranked, result
    if ranked:
        price = f"{dollars(ranked[0].rate(want.disk_gb), 4)}/h ({ranked[0].key})"
        raise NoOffer(f"nothing within the cap; the cheapest is {price}", "raise --max-price", code="cap_too_low")
    notes = {
        "of others their cloud does not say": sorted(result.unstated),
        "no answer from": list(result.failed),
        "left out": sorted(leave_out),
    }
    more = "".join(f"; {text}: {', '.join(names)}" for text, names in notes.items() if names)
    if result.cut:
        more += f"; not all offers of {', '.join(result.cut)} were read"
    raise NoOffer(f"no offer fits{more}", "loosen the filters, or see: gpu-shopper inventory")


def _at_cloud(ctx: Context, key: str) -> str:
    """An offer's key with its cloud in the place of its account.

    Once a create for it was sent, a search from before is out of date (F8).
    """
    account, _, offer_id = key.partition(":")
    return f"{ctx.cloud_of(account)}:{offer_id}"


def find_offer(handle: EngineHandle, key: str, want: Requirements, now: ClockSnapshot) -> tuple[Offer, int]:
    """The offer with this key, for the wanted disk, vCPU and memory: from the cache or else from its provider.

    With it its age, µs, a minute at most.

    Raises:
        NoOffer: it is not on the market.
        NotFound: no offer has such a key.
    """
    cached = handle.offers.find_offer(key, now.boot, want.min_cpus, want.min_ram_mb)
    if cached is not None:
        return cached
    found = _read_offer(handle, key, want)
    if found is None:
        raise NoOffer(f"offer {key} is not on the market", "see: gpu-shopper inventory", code="offer_gone")
    return found, 0


def _offer_by_key(handle: EngineHandle, key: str, want: Requirements, now: ClockSnapshot) -> Offer:
    """The offer with this key, if it may be rented as wanted."""
    found, _ = find_offer(handle, key, want, now)
    if not is_rentable(found, want, now.wall):
        raise NoOffer(f"offer {key} cannot be rented for that long, or not on demand")
    _refuse_mismatch(handle, found, want)
    return found


def _read_offer(handle: EngineHandle, key: str, want: Requirements) -> Offer | None:
    name, _, offer_id = key.partition(":")
    reconciler = handle.reconcilers.get(name)
    if not offer_id or reconciler is None or reconciler.client is None:
        raise NotFound(f"no offer is called {key!r}", "copy the id from: gpu-shopper inventory", code="offer_not_found")
    query = OfferQuery(offer_ids=(offer_id,), disk_gb=want.disk_gb, min_cpus=want.min_cpus, min_ram_mb=want.min_ram_mb)
    call = partial(read_offers, handle, name, reconciler.client, query, PLAN_LIMIT_S - SPARE_S)
    answer = ask_accounts(handle, {name: call}, ("offer", query), PLAN_LIMIT_S)[name]
    if isinstance(answer, ReadFailed):
        raise unanswered(handle.ctx, {name: answer})
    return next((offer for offer in answer.offers.offers if offer.key == key), None)


def _refuse_mismatch(handle: EngineHandle, found: Offer, want: Requirements) -> None:
    """Refuse an offer of another GPU, number, disk or price than was requested beside its key."""
    models = {} if want.gpu is None else _models(handle, found.provider, want.gpu)
    also = Requirements(
        min_gpus=want.min_gpus,
        exact_gpus=want.exact_gpus,
        max_rate=want.max_rate,
        disk_gb=want.disk_gb,
        min_cpus=want.min_cpus,
        min_ram_mb=want.min_ram_mb,
    )
    if not fits(found, also, tuple(models)) or not has_requested_memory(found, models):
        what = f"{found.gpu_count}x {found.gpu} at {dollars(found.rate(want.disk_gb), 3)}/h"
        text = f"offer {found.key} is {what}, with {found.disk_gb:g} GB of disk at most: it does not match the request"
        raise NoOffer(text, "leave the other options out, or the offer", code="offer_differs")


def _models(handle: EngineHandle, name: str, wanted: str) -> Models:
    """The account's names for what was typed.

    Raises:
        NotFound: it knows no such GPU.
    """
    reconciler = handle.reconcilers[name]
    if reconciler.client is None:
        raise keyless(reconciler.setup)
    call = partial(read_gpu_names, handle, name, reconciler.client, PLAN_LIMIT_S - SPARE_S)
    names = ask_accounts(handle, {name: call}, "names", PLAN_LIMIT_S)[name]
    if isinstance(names, ReadFailed):
        raise unanswered(handle.ctx, {name: names})
    refuse_unknown_gpus(wanted, [names])
    return known_models(wanted, names)
