"""A response as the commands read it: the decoded JSON with its fields as attributes."""

from __future__ import annotations

from typing import Any


class JsonObject(dict[str, Any]):
    """A JSON object whose fields read as attributes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None
