"""Response type of the provider log: a session's container log, as the provider has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderLog:
    """GET /sessions/{id}/provider-log. `lines` are foreign text with secrets redacted; the last is the newest."""

    session: str
    name: str
    provider: str
    instance: str
    lines: list[str]
