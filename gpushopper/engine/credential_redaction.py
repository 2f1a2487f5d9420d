"""Registries' passwords that may be heard again, taken out by every connection, whenever it was made (I21)."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gpushopper.providers.base import Provider


class Redactions:
    """What is to be hidden, and where. Thread-safe; in memory only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: set[str] = set()
        self._connections: dict[str, Provider] = {}

    def cover(self, name: str, connection: Provider | None) -> None:
        """Let this account's connection hide what is known already, and what is still to come."""
        if connection is None:
            return
        with self._lock:
            self._connections[name] = connection
            connection.hide(self._texts)

    def add(self, texts: Iterable[str]) -> None:
        with self._lock:
            self._texts.update(texts)
            for connection in self._connections.values():
                connection.hide(self._texts)
