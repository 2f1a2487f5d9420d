"""How many requests may wait for a provider or a keyring at once; one more is answered 503 busy (I17)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from gpushopper.daemon.api.service import Busy, Service


def provider_slot(service: Service) -> AbstractContextManager[None]:
    """Held while a request waits for a provider, so that such requests never take the last threads of the API.

    Raises:
        Busy: all slots are taken.
    """
    return _slot(service.slow, "too many searches at once")


def login_slot(service: Service) -> AbstractContextManager[None]:
    """Held while a rental waits for a keyring; searches do not take these slots.

    Raises:
        Busy: all slots are taken.
    """
    return _slot(service.logins, "too many rentals wait for a login at once")


@contextmanager
def _slot(slots: threading.BoundedSemaphore, busy_text: str) -> Iterator[None]:
    if not slots.acquire(blocking=False):
        raise Busy(busy_text, "Try again in a few seconds.")
    try:
        yield
    finally:
        slots.release()
