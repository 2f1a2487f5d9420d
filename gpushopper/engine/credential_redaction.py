"""Redaction of registry passwords in provider responses: every connection, old or new, knows them all (I21)."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gpushopper.providers.base import Provider


class Redactions:
    """The texts to redact and the connections that redact them. Thread-safe; in memory only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: set[str] = set()
        self._connections: dict[str, Provider] = {}

    def attach(self, name: str, connection: Provider | None) -> None:
        """Let this account's connection redact what is known already, and what is added later."""
        if connection is None:
            return
        with self._lock:
            self._connections[name] = connection
            connection.add_redactions(self._texts)

    def add(self, texts: Iterable[str]) -> None:
        with self._lock:
            self._texts.update(texts)
            for connection in self._connections.values():
                connection.add_redactions(self._texts)
