"""Cache of searched offers (one minute) and of a provider's GPU names (one hour), shared by all requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.providers.base import OfferList, OfferQuery

OFFERS_FRESH_S = 60.0
NAMES_FRESH_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Entry:
    stored_boot: int
    offers: OfferList


class OfferCache:
    """In memory only. Times are boot-clock µs, given by the caller. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._searches: dict[tuple[str, OfferQuery], _Entry] = {}
        self._names: dict[str, tuple[int, tuple[str, ...]]] = {}

    def load_offers(self, provider: str, search: OfferQuery, now_boot: int) -> OfferList | None:
        """The offers of the same search, if it was made within the last minute."""
        with self._lock:
            entry = self._searches.get((provider, search))
        return entry.offers if entry is not None and _is_fresh(entry, now_boot) else None

    def store_offers(self, provider: str, search: OfferQuery, offers: OfferList, now_boot: int) -> None:
        """Keep the answer of a search and drop what is out of date."""
        with self._lock:
            self._searches = {key: entry for key, entry in self._searches.items() if _is_fresh(entry, now_boot)}
            self._searches[provider, search] = _Entry(now_boot, offers)

    def find_offer(self, key: str, now_boot: int) -> Offer | None:
        """The offer with this key among all that was found within the last minute."""
        with self._lock:
            fresh = [entry.offers for entry in self._searches.values() if _is_fresh(entry, now_boot)]
        return next((offer for offers in fresh for offer in offers.offers if offer.key == key), None)

    def load_gpu_names(self, provider: str, now_boot: int) -> tuple[str, ...] | None:
        """The provider's GPU names, if they were read within the last hour."""
        with self._lock:
            stored = self._names.get(provider)
        return stored[1] if stored is not None and now_boot - stored[0] < us(NAMES_FRESH_S) else None

    def store_gpu_names(self, provider: str, names: tuple[str, ...], now_boot: int) -> None:
        with self._lock:
            self._names[provider] = (now_boot, names)


def _is_fresh(entry: _Entry, now_boot: int) -> bool:
    return now_boot - entry.stored_boot < us(OFFERS_FRESH_S)
