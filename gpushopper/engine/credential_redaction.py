"""Redaction of registry passwords in provider responses: every connection, old or new, knows them all (I21)."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from gpushopper.core.model.container_image import ImageLogin
from gpushopper.errors import ShopperError
from gpushopper.providers.base import Provider
from gpushopper.store import sessions

if TYPE_CHECKING:
    from gpushopper.engine.context import Context

READ_LIMIT_S = 25.0


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


def open_registries(ctx: Context) -> list[str]:
    """The registries whose login an instance may still carry, and its status text show."""
    return sorted({s.image_login for s in sessions.load_sessions(ctx.store, open_only=True) if s.image_login})


def load_redactions(ctx: Context, registries: Collection[str]) -> int:
    """Read these logins, so that their redactions are known after a restart too; how many could be read.

    One that cannot be read now, or was stored anew since it was sent, stays unknown: no row keeps what was sent.
    """
    known = 0
    for registry in registries:
        try:
            found = ctx.read_login(registry, READ_LIMIT_S)
        except (ShopperError, ValueError, OSError):
            continue
        if isinstance(found, ImageLogin):
            ctx.redactions.add(found.redactions())
            known += 1
    return known
