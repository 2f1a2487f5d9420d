"""The queries that routes take, as `?name=value`; a parameter that is not named here is refused (S31).

The query of GET /inventory is `SearchRequest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

_STRICT: dict[str, Any] = {"extra": "forbid"}

CostsBy = Literal["session", "consumer", "cloud", "account", "gpu", "tag", "day", "month"]


@dataclass(frozen=True, slots=True)
class SessionsQuery:
    """Which sessions; `open` leaves out what has ended."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    consumer: str | None = None
    status: str | None = None
    open: bool = False


@dataclass(frozen=True, slots=True)
class OneOfferQuery:
    """What the offer is priced for: disk in GB, and the vCPU and memory that some clouds sell by the piece."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    disk_gb: float = 20
    cpus: float = 0
    ram_gb: float = 0


@dataclass(frozen=True, slots=True)
class WhyQuery:
    """`replay`: the whole history of use too."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    replay: bool = False


@dataclass(frozen=True, slots=True)
class LoadsQuery:
    """So many steps of so many seconds, up to now."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    steps: int = 20
    step_s: int = 60


@dataclass(frozen=True, slots=True)
class LogQuery:
    """`tail` is how many lines at most."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    tail: int = 1000


@dataclass(frozen=True, slots=True)
class CostsQuery:
    """What is summed up; `start` and `end` are wall µs, `tag` is a key or `key=value`; `period`: today, this month."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    session: str | None = None
    consumer: str | None = None
    tag: str | None = None
    by: CostsBy = "session"
    period: Literal["daily", "monthly"] | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class CustodyQuery:
    """Whose hosts; `host` is an id, or `cloud:id`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    session: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class EventsQuery:
    """At most `limit` events (1000 are the most) with an id above `after`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    after: int = 0
    limit: int = 200
    session: str | None = None
