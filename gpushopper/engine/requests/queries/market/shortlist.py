"""Decides which of the ranked offers a plan keeps, and which accounts have none within its price cap (S19)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gpushopper import wire
from gpushopper.core.model.money import Micros, dollars
from gpushopper.core.model.offer import Offer

SPARE_OFFERS = 4
"""Offers on the shortlist beyond the first and its retries: some are rented by others before we create."""
HEADROOM = 1.5
"""Without a cap of the user's, no offer on the shortlist costs more than this many times the cheapest."""
ABOVE_CAP = "above_cap"


def within(offers: Sequence[Offer], disk_gb: float, cap: Micros | None) -> list[Offer]:
    """Those that cost no more an hour than the cap; all where there is none."""
    return [offer for offer in offers if cap is None or offer.rate(disk_gb) <= cap]


def price_cap(offers: Sequence[Offer], disk_gb: float, asked: Micros | None) -> Micros:
    """The most that an offer on the shortlist may cost an hour: what the user said, else by the cheapest."""
    return asked or round(offers[0].rate(disk_gb) * HEADROOM)


def shortlist(offers: Sequence[Offer], retries: int) -> list[Offer]:
    """The offers to try, in the order of `offers` (ranked, all within the cap).

    They are the first and its retries, the first of each other account, and spare ones. Many offers of one cloud leave
    another account its place, or failover could never go there.
    """
    tries = 1 + max(retries, 0)
    firsts: dict[str, int] = {}
    for index, offer in enumerate(offers):
        firsts.setdefault(offer.provider, index)
    kept = {*range(min(tries, len(offers))), *firsts.values()}
    spare = (index for index in range(len(offers)) if index not in kept)
    more = max(tries + SPARE_OFFERS - len(kept), 0)
    return [offers[index] for index in sorted([*kept, *list(spare)[:more]])]


def accounts_above_cap(
    ranked: Sequence[Offer], disk_gb: float, cap: Micros, named: Collection[str] = ()
) -> list[wire.MissingAccount]:
    """The accounts whose cheapest offer that fits is above the cap, but for those that are named for another reason."""
    cheapest: dict[str, Micros] = {}
    for offer in ranked:
        cheapest.setdefault(offer.provider, offer.rate(disk_gb))
    return [
        wire.MissingAccount(name, ABOVE_CAP, _above(rate, cap))
        for name, rate in cheapest.items()
        if rate > cap and name not in named
    ]


def _above(rate: Micros, cap: Micros) -> str:
    """Both prices with three decimals at most, or with six where three show no difference."""
    places = 3 if dollars(rate, 3) != dollars(cap, 3) else 6
    return f"from {_price(rate, places)}/h, above the price cap of {_price(cap, places)}/h"


def _price(rate: Micros, places: int) -> str:
    whole, _, decimals = dollars(rate, places).partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
