"""Cache of searched offers (a minute; five to look at after a rate limit) and of clouds' GPU names (one hour).

Shared by all requests. An offer older than a minute is shown, and never rented.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.providers.base import OfferList, OfferQuery

OFFERS_FRESH_S = 60.0
OFFERS_KEPT_S = 300.0
"""How long an answer is shown when its cloud limits our searches."""
NAMES_FRESH_S = 3600.0
MOST_SEARCHES = 64
"""Different searches of one account that are kept; the oldest is dropped first."""


@dataclass(frozen=True, slots=True)
class CachedOffers:
    """The answer to a search, and when it was stored, boot-clock µs."""

    stored_boot: int
    offers: OfferList

    def age_us(self, now_boot: int) -> int:
        """How old it is."""
        return max(now_boot - self.stored_boot, 0)


class OfferCache:
    """In memory only. Times are boot-clock µs, given by the caller. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._searches: dict[tuple[str, OfferQuery], CachedOffers] = {}
        self._names: dict[str, tuple[int, tuple[str, ...]]] = {}

    def load_offers(
        self, provider: str, search: OfferQuery, now_boot: int, max_age_s: float = OFFERS_FRESH_S
    ) -> CachedOffers | None:
        """The answer to the same search, if it is not too old."""
        with self._lock:
            entry = self._searches.get((provider, search))
        return entry if entry is not None and entry.age_us(now_boot) < us(max_age_s) else None

    def store_offers(self, provider: str, search: OfferQuery, offers: OfferList, now_boot: int) -> CachedOffers:
        """Keep the answer of a search and drop what is out of date."""
        entry = CachedOffers(now_boot, offers)
        with self._lock:
            kept = {key: old for key, old in self._searches.items() if old.age_us(now_boot) < us(OFFERS_KEPT_S)}
            kept.pop((provider, search), None)
            of_account = [key for key in kept if key[0] == provider]
            for key in of_account[: max(len(of_account) - MOST_SEARCHES + 1, 0)]:
                del kept[key]
            kept[provider, search] = entry
            self._searches = kept
        return entry

    def find_offer(
        self, key: str, now_boot: int, min_cpus: float = 0.0, min_ram_mb: int = 0
    ) -> tuple[Offer, int] | None:
        """The offer with this key, and its age in µs, among all found within the last minute for this vCPU and memory.

        Some clouds price what is asked for, so another search has another price.
        """
        with self._lock:
            known = [(search, entry) for (_, search), entry in self._searches.items()]
        fresh = [
            entry
            for search, entry in known
            if entry.age_us(now_boot) < us(OFFERS_FRESH_S)
            and (search.min_cpus, search.min_ram_mb) == (min_cpus, min_ram_mb)
        ]
        found = (
            (offer, entry.age_us(now_boot)) for entry in fresh for offer in entry.offers.offers if offer.key == key
        )
        return next(found, None)

    def recent_keys(self, now_boot: int, most: int) -> list[str]:
        """So many of the offers that searches have found and that may still be shown; of the latest search first."""
        with self._lock:
            known = sorted(self._searches.values(), key=lambda entry: -entry.stored_boot)
        shown = [entry.offers.offers for entry in known if entry.age_us(now_boot) < us(OFFERS_KEPT_S)]
        return list(dict.fromkeys(offer.key for offers in shown for offer in offers))[:most]

    def load_gpu_names(self, provider: str, now_boot: int) -> tuple[str, ...] | None:
        """The provider's GPU names, if they were read within the last hour."""
        with self._lock:
            stored = self._names.get(provider)
        return stored[1] if stored is not None and now_boot - stored[0] < us(NAMES_FRESH_S) else None

    def store_gpu_names(self, provider: str, names: tuple[str, ...], now_boot: int) -> None:
        with self._lock:
            self._names[provider] = (now_boot, names)
