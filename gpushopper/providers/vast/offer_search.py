"""Search offers: the filter that Vast is sent, and paging past its limit of 64 rows by price bands (S17).

Where more than a page of offers have one price, paging goes by host id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gpushopper.core.model.money import DOLLAR
from gpushopper.core.model.offer import Offer
from gpushopper.core.spelling.regions import written_codes
from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, OfferList, OfferQuery, ReadFailed
from gpushopper.providers.kit import UnknownFields, number_id
from gpushopper.providers.vast.parsing import error_replies
from gpushopper.providers.vast.parsing.offer_rows import has_invalid_price, price_of, read_offer

CAP = 64
"""Rows of one reply, whatever the requested limit (seen live 2026-09-29, vastai.md 3.1)."""
_MOST_BANDS = 1000

Fetch = Callable[[dict[str, Any], bool], Reply | Failure]
"""Send a search body; the flag allows it to wait for the rate limit."""


def search_body(search: OfferQuery) -> dict[str, Any]:
    """The flat filter object of POST /bundles/, cheapest first (vastai.md 3.1).

    Vast filters what it defines as we do; the caller's `fits` does the rest. `allocated_storage`
    makes `dph_total`, and with it the order, right for the disk that will be requested.
    """
    body: dict[str, Any] = {
        "verified": {"eq": True},
        "external": {"eq": False},
        "rentable": {"eq": True},
        "type": "on-demand",
        "order": [["dph_total", "asc"]],
        "limit": CAP,
        "allocated_storage": search.disk_gb,
        "disk_space": {"gte": search.disk_gb},
    }
    if search.offer_ids:
        # A filter on `id` matches nothing (seen live 2026-10-02, vastai.md 3.1).
        body["ask_contract_id"] = {"in": [int(i) for i in search.offer_ids if i.isascii() and i.isdigit()]}
    if search.gpus:
        body["gpu_name"] = {"in": list(search.gpus)}
    if search.exact_gpus is not None:
        body["num_gpus"] = {"eq": search.exact_gpus}
    elif search.min_gpus > 1:
        body["num_gpus"] = {"gte": search.min_gpus}
    if search.min_vram_mb > 0:
        body["gpu_ram"] = {"gte": search.min_vram_mb}
    if search.min_reliability > 0:
        body["reliability"] = {"gte": search.min_reliability}
    if search.max_gpu_rate is not None:
        body["dph_base"] = {"lte": search.max_gpu_rate / DOLLAR}
    return body | _host_filters(search)


def _host_filters(search: OfferQuery) -> dict[str, Any]:
    """What is asked of the host. `cpu_ram` is all that the host has, an offer's share is at most that."""
    least = {"cuda_max_good": search.min_cuda, "cpu_cores_effective": search.min_cpus, "cpu_ram": search.min_ram_mb}
    filters: dict[str, Any] = {name: {"gte": value} for name, value in least.items() if value > 0}
    if search.countries is not None:
        filters["geolocation"] = {"in": written_codes(search.countries)}
    return filters


@dataclass(slots=True)
class _Bands:
    """Offers so far, and the filter of the next band."""

    disk_gb: float
    unknown_fields: UnknownFields
    found: dict[str, Offer] = field(default_factory=dict)
    date: int | None = None
    price: float = 0.0
    beyond: bool = False
    """Whether all offers at exactly `price` are read."""
    tie_host: int | None = None
    """Where many offers have one price: the host id from which to go on."""
    skipped: bool = False
    """Whether some offers cannot be read by any filter."""
    invalid_prices: set[str] = field(default_factory=set)
    """Ids of rows with an invalid price."""

    def narrowed(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.tie_host is not None:
            same = {"gte": self.price, "lte": self.price}
            order = [["machine_id", "asc"]]
            return {**body, "dph_total": same, "machine_id": {"gte": self.tie_host}, "order": order}
        if self.price > 0:
            return {**body, "dph_total": {"gt" if self.beyond else "gte": self.price}}
        return body

    def add(self, rows: list[Any]) -> None:
        for row in rows:
            offer = read_offer(row, self.disk_gb, self.date or 0, self.unknown_fields)
            if offer is not None:
                self.found.setdefault(offer.offer_id, offer)
            elif has_invalid_price(row, self.disk_gb):
                self.invalid_prices.add(str(row.get("ask_contract_id") or row.get("id")))

    def step(self, rows: list[Any]) -> bool:
        """Move to the next band; False after the last one, or where no further band can be made."""
        full = len(rows) >= CAP
        if self.tie_host is not None:
            return self._step_in_tie(rows, full)
        last = price_of(rows[-1]) if full else None
        if last is None:
            self.skipped = self.skipped or full
            return False
        if last > self.price:
            self.price, self.beyond = last, False
        else:
            # A whole page of one price: from here by host, then past it.
            self.tie_host = 0
        return True

    def _step_in_tie(self, rows: list[Any], full: bool) -> bool:
        hosts = [host for row in rows if isinstance(row, dict) and (host := number_id(row.get("machine_id")))]
        last = int(hosts[-1]) if hosts else 0
        if not full:
            self.tie_host, self.beyond = None, True
        elif last > (self.tie_host or 0):
            self.tie_host = last
        else:
            # More than a page of equal offers on one host: no filter tells them apart.
            self.skipped, self.tie_host = True, (self.tie_host or 0) + 1
        return True


def read_bands(fetch: Fetch, search: OfferQuery, unknown: UnknownFields) -> OfferList | ReadFailed:
    """One call for up to 64 offers; else band after band until the limit, the last offer, or the time limit (S17)."""
    body = search_body(search)
    bands = _Bands(search.disk_gb, unknown)
    for number in range(_MOST_BANDS):
        answer = fetch(bands.narrowed(body), number > 0)
        rows = _rows(answer, unknown)
        if isinstance(rows, ReadFailed):
            return rows if number == 0 else _offers(bands, search.limit, complete=False)
        bands.date = answer.date if isinstance(answer, Reply) else None
        bands.add(rows)
        enough = search.limit is not None and (search.limit <= CAP or len(bands.found) >= search.limit)
        if enough:
            return _offers(bands, search.limit, complete=len(rows) < CAP)
        if not bands.step(rows):
            return _offers(bands, search.limit, complete=not bands.skipped)
    return _offers(bands, search.limit, complete=False)


def _rows(answer: Reply | Failure, unknown: UnknownFields) -> list[Any] | ReadFailed:
    body = error_replies.payload(answer)
    if isinstance(body, ReadFailed):
        return body
    rows = body.get("offers")
    if not isinstance(rows, list):
        unknown.note("search: no offers")
        return ReadFailed(ErrorKind.SHAPE, "a search reply without offers")
    return rows


def _offers(bands: _Bands, limit: int | None, *, complete: bool) -> OfferList:
    """The cheapest `limit`; complete only if none was cut off."""
    offers = sorted(bands.found.values(), key=lambda offer: (offer.rate(bands.disk_gb), offer.key))
    shown = tuple(offers if limit is None else offers[:limit])
    return OfferList(shown, complete and len(shown) == len(offers), bands.date, len(bands.invalid_prices))
