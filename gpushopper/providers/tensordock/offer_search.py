"""Offers out of GET /locations: one for each place, GPU type and number of GPUs, priced for what would be rented.

The list is often stale: a type that is shown as free may be refused at the create (tensordock.md 4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from gpushopper.core.model.money import DOLLAR, Micros
from gpushopper.core.model.offer import Offer, has_valid_price
from gpushopper.core.spelling.gpus import MAX_GPUS
from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, OfferList, OfferQuery, ReadFailed
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.tensordock import vm_sizes
from gpushopper.providers.tensordock.parsing import error_replies
from gpushopper.providers.tensordock.parsing.ids import OfferId
from gpushopper.providers.tensordock.parsing.location_rows import LocationGpu, read_location
from gpushopper.providers.tensordock.traits import TRAITS

MOST = 65_536
"""Offers of one search, however long the list is."""


def read_locations(answer: Reply | Failure, unknown: UnknownFields) -> list[LocationGpu | None] | ReadFailed:
    """The GPU types of all places; None stands for one with an invalid price. An empty list is no stock."""
    body = error_replies.payload(answer)
    if isinstance(body, ReadFailed):
        return body
    data = body.get("data")
    rows = data.get("locations") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        unknown.note("search: no locations")
        return ReadFailed(ErrorKind.SHAPE, "a reply without locations")
    return [found for row in rows for found in read_location(row, unknown)]


def read_search(answer: Reply | Failure, query: OfferQuery, unknown: UnknownFields) -> OfferList | ReadFailed:
    """The cheapest offers that the query asks for; complete only if none was cut off."""
    found = read_locations(answer, unknown)
    if isinstance(found, ReadFailed):
        return found
    date = answer.date if isinstance(answer, Reply) else None
    wanted = _Wanted(query, found)
    offers: dict[str, Offer] = {}
    is_cut, invalid = False, sum(one is None for one in found)
    for place in found:
        for sized in wanted.sizes(place) if place is not None else ():
            offer = _offer(place, sized, query, date or 0) if place is not None else None
            if offer is None or not wanted.has(offer):
                continue
            if not has_valid_price(offer, query.disk_gb):
                invalid += 1
            elif len(offers) < MOST:
                offers.setdefault(offer.offer_id, offer)
            else:
                is_cut = True
    ranked = sorted(offers.values(), key=lambda one: (one.rate(query.disk_gb), one.key))
    # It says neither CUDA nor reliability, and a place by its name: who asks for these gets all, or it would be cut
    # before it is filtered.
    is_filtered_later = query.countries is not None or query.min_cuda > 0 or query.min_reliability > 0
    shown = tuple(ranked if query.limit is None or is_filtered_later else ranked[: query.limit])
    return OfferList(shown, not is_cut and len(shown) == len(ranked), date, invalid)


class _Wanted:
    """An offer query, as a filter: TensorDock filters nothing itself."""

    def __init__(self, query: OfferQuery, found: Iterable[LocationGpu | None]) -> None:
        self._query = query
        types = {_type(place) for place in found if place is not None}
        self._digests = Counter(OfferId(*one, 1).short for one in types)

    def sizes(self, place: LocationGpu) -> Iterable[tuple[str, OfferId]]:
        """What to offer of a type, by its id: 1, 2, 4, 8 GPUs and so on, and the number that is asked for."""
        if self._query.offer_ids:
            asked = set(range(1, place.max_count + 1))
        else:
            asked = {2**power for power in range(MAX_GPUS.bit_length())}
            asked |= {self._query.exact_gpus or self._query.min_gpus}
        whole = [OfferId(*_type(place), count) for count in sorted(asked) if 0 < count <= place.max_count]
        return [(self._id(one), one) for one in whole]

    def _id(self, what: OfferId) -> str:
        """The short id; all of it where the list has two types with the same."""
        is_single = self._digests[replace(what, count=1).short] == 1
        return what.short if is_single else str(what)

    def has(self, offer: Offer) -> bool:
        query = self._query
        if query.offer_ids:
            return offer.offer_id in query.offer_ids
        return (
            (not query.gpus or offer.gpu in query.gpus)
            and offer.gpu_count >= query.min_gpus
            and query.exact_gpus in (None, offer.gpu_count)
            and offer.vram_mb >= query.min_vram_mb
            and (query.max_gpu_rate is None or offer.gpu_rate <= query.max_gpu_rate)
            and offer.disk_gb >= offer.disk_for(query.disk_gb)
        )


def _type(place: LocationGpu) -> tuple[str, str]:
    return place.location_id, place.gpu_key


def _offer(place: LocationGpu, sized: tuple[str, OfferId], query: OfferQuery, seen_at: int) -> Offer | None:
    """The offer of this id, with the vCPU and memory that are asked for; None where the place cannot make that.

    Only with a dedicated address: where there are only forwarded ports, some places accept and then ignore them, and
    the VM bills and can never be reached (tensordock.md 10). The sum of the unit prices is what a VM was seen to cost;
    the GPU's price alone is too low (tensordock.md 4).
    """
    offer_id, what = sized
    count = what.count
    size = vm_sizes.size_for(count, query.min_cpus, query.min_ram_mb)
    if size is None or not place.has_dedicated_ip or size.vcpus > place.max_vcpus or size.ram_gb > place.max_ram_gb:
        return None
    prices = place.prices
    hourly = prices.gpu * count + prices.vcpu * size.vcpus + prices.ram_gb * size.ram_gb
    return Offer(
        provider=TRAITS.name,
        offer_id=offer_id,
        reference=str(what),
        gpu=place.gpu,
        gpu_count=count,
        vram_mb=place.vram_mb,
        gpu_rate=_micros(hourly),
        storage_gb_month=_micros(prices.storage_gb * TRAITS.billing.month_hours),
        upload_gb=0,
        download_gb=0,
        disk_gb=float(place.max_storage_gb // vm_sizes.STORAGE_STEP_GB * vm_sizes.STORAGE_STEP_GB),
        seen_at=seen_at,
        region=place.region,
        cpu_cores=float(size.vcpus),
        ram_mb=size.ram_gb * 1024,
        is_single=False,
        billing=TRAITS.billing,
    )


def _micros(amount: Decimal) -> Micros:
    """Rounded up: what is reserved must be enough."""
    return int((amount * DOLLAR).to_integral_value(rounding=ROUND_CEILING))


def gpu_names(found: Iterable[LocationGpu | None]) -> tuple[str, ...]:
    """The names of all types, sorted, whether or not one is free now."""
    return tuple(sorted({place.gpu for place in found if place is not None}))
