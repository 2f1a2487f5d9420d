"""Offers that members were shown in plans: a member rents these alone, with the price and the terms that they had.

Offers travel whole, so that the owner's command may outlive a restart; what a member sends could have a lower price, or
traffic for nothing, and would pass a budget that does not cover it (I13).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.requests.commands.provision_request import OLDEST_OFFER_S
from gpushopper.errors import NoOffer
from gpushopper.wire import OfferView

MOST = 5000


class ShownOffers:
    """Those of the last minutes, as long as an offer may be rented; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: dict[OfferView, int] = {}

    def add(self, offers: Iterable[OfferView], boot: int) -> None:
        """Note offers that are about to be shown; `boot` is now, by the boot clock (µs)."""
        with self._lock:
            for offer in offers:
                self._at.pop(offer, None)  # the oldest come first
                self._at[offer] = boot
            kept = list(self._at.items())[-MOST:]
            self._at = {offer: at for offer, at in kept if boot - at <= us(OLDEST_OFFER_S)}

    def check(self, offers: Iterable[OfferView]) -> None:
        """Refuse a request with an offer that was not shown so.

        Raises:
            NoOffer: there is one.
        """
        with self._lock:
            if all(offer in self._at for offer in offers):
                return
        raise NoOffer(
            "an offer of the request is none that a plan of this daemon has shown in the last minutes",
            "make the plan again, and rent what it shows", code="plan_too_old",
        )  # fmt: skip
