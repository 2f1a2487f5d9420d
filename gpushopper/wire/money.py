"""The response types about money: costs by session, by group and over time, and consumers; they only gain fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class CostRow:
    """Costs of one session by kind (gpu, storage, traffic, minimum), micro-dollars.

    `max_cost` is what it costs if it ends on time; `reserved` is what is held back beyond `accrued`, slow end included.
    `corrected_micros`: the part of its cost, ever, by which clouds' bills have corrected what was hidden from us.
    """

    session: str
    name: str
    consumer: str
    provider: str
    gpu: str
    gpu_micros: int
    storage_micros: int
    traffic_micros: int
    minimum_micros: int
    accrued: int
    reserved: int
    max_cost: int
    settled: bool
    corrected_micros: int = 0


@dataclass(frozen=True, slots=True)
class CostGroup:
    """Costs of one consumer, cloud, account, GPU, tag, day or month, by kind in micro-dollars.

    `key` is its name, `2026-11-30` or `2026-11`; `start_at` and `end_at` (wall µs) bound a day or month. `sessions`:
    how many have cost something in it; None for days and months.
    """

    key: str
    gpu_micros: int
    storage_micros: int
    traffic_micros: int
    minimum_micros: int
    accrued: int
    sessions: int | None = None
    start_at: int | None = None
    end_at: int | None = None


@dataclass(frozen=True, slots=True)
class CostForecast:
    """What is still to come. Micro-dollars; the rate is per hour, the bounds of this month are wall µs.

    `to_come`: what open sessions cost from now to their deadlines, at most, if they end on time. `month_max`: this
    month's cost with what of that lies in it; `month_at_pace`: if the rest of it costs as much as the
    last seven days did; None in the first day.
    """

    burn_rate: int
    to_come: int
    month_start_at: int
    month_end_at: int
    month_accrued: int
    month_max: int
    month_at_pace: int | None


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs over [start, end), wall µs; None: without a bound. What was incurred in it counts, to the second.

    `rows` by session, or `groups` by what `by` says; days and months are those of `time_zone`. `sessions`: how many
    have cost something. `max_cost`: with what open sessions may still cost in it.
    """

    rows: list[CostRow]
    accrued: int
    max_cost: int
    by: str = "session"
    groups: list[CostGroup] = field(default_factory=list)
    start_at: int | None = None
    end_at: int | None = None
    time_zone: str = "UTC"
    sessions: int = 0
    forecast: CostForecast | None = None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The answer to a rebuild of the rollups: how many there are, and whether they are the same as before."""

    rollups: int
    is_same: bool


@dataclass(frozen=True, slots=True)
class ConsumerName:
    """The name of a consumer that is added, or its new name."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    name: str


@dataclass(frozen=True, slots=True)
class ConsumerView:
    """Whom sessions are charged to, what they have cost, and the names it had before. Micro-dollars, wall µs."""

    name: str
    created_at: int
    sessions: int
    open_sessions: int
    accrued: int
    month_accrued: int
    max_cost: int
    former_names: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Consumers:
    consumers: list[ConsumerView]
