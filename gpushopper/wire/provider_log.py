"""What the cloud keeps of a container's output."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderLog:
    """GET /sessions/{id}/provider-log. `lines` are foreign text, made fit to be shown; the last is the newest."""

    session: str
    name: str
    provider: str
    instance: str
    lines: list[str]
