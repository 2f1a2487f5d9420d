"""What the groups of routes share: one method that sends a request of the table and returns the decoded answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from gpushopper.wire.api.routes import Answer, Body, Query, Route


class RequestBase(ABC):
    """A group of routes; `Client` sends its requests."""

    @abstractmethod
    def _ask(
        self,
        route: Route[Query, Body, Answer],
        *parts: str,
        query: list[tuple[str, Any]] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send one request; `parts` go where the path has braces. Empty and None are left out of the query."""
