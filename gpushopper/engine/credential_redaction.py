"""Which registry passwords the provider clients must redact: every client, old or new, knows them all (I21)."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gpushopper.providers.base import Provider


class Redactions:
    """The texts to redact and the clients that redact them. Thread-safe; in memory only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: set[str] = set()
        self._clients: dict[str, Provider] = {}

    def attach(self, name: str, client: Provider | None) -> None:
        """Let this account's client redact what is known already, and what is added later."""
        if client is None:
            return
        with self._lock:
            self._clients[name] = client
            client.add_redactions(self._texts)

    def add(self, texts: Iterable[str]) -> None:
        with self._lock:
            self._texts.update(texts)
            for client in self._clients.values():
                client.add_redactions(self._texts)
