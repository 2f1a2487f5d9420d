"""What the groups of routes share: one method that sends a request and returns the decoded answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from gpushopper.client.json_object import JsonObject

READ_LIMIT_S = 30.0
"""How long an answer from the daemon's own records may take."""


class RequestBase(ABC):
    """A group of routes; `Client` sends its requests."""

    @abstractmethod
    def _request(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, Any]] | None = None,
        body: Mapping[str, Any] | None = None,
        limit_s: float = READ_LIMIT_S,
    ) -> JsonObject:
        """Send one request."""
