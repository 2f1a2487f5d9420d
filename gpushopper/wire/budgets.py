"""Requests and responses about budgets: what a user limits, how each limit stands, and what would end for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, slots=True)
class BudgetRequest:
    """PUT /budgets/{name}: what to set, in micro-dollars; None leaves it as it is. `unset` names limits to remove.

    `stop` are ids of sessions to end, of those that the limits have no room for: no other session is ended by this.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    scope_kind: Literal["all", "consumer", "account", "tag"] | None = None
    scope: str | None = None
    daily: int | None = None
    monthly: int | None = None
    session: int | None = None
    unset: list[Literal["daily", "monthly", "session"]] = field(default_factory=list)
    at_80: Literal["warn", "none"] | None = None
    at_100: Literal["refuse", "stop"] | None = None
    dry_run: bool = False
    stop: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BudgetEnd:
    """A session that would be ended for a limit, and when."""

    session: str
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class BudgetHolder:
    """What one session counts against a limit: spent and worst case to come."""

    session: str
    name: str
    committed_micros: int


@dataclass(frozen=True, slots=True)
class BudgetLimit:
    """How one limit stands in its present period.

    `kind` is daily, monthly or session; for the last, `session` names the session, and is empty where none is open.
    `traffic_micros` is the part of what is spent that was traffic.
    `used_up_at`: when spending reaches the limit at the present rates; None where it does not.
    """

    kind: str
    limit_micros: int
    spent_micros: int
    committed_micros: int
    left_micros: int
    traffic_micros: int = 0
    used_up_at: int | None = None
    period_end_at: int | None = None
    session: str = ""
    holders: list[BudgetHolder] = field(default_factory=list)
    ends: list[BudgetEnd] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BudgetView:
    """One budget. `must_end`: the sessions that would have to end now so that its limits hold, the worst case
    included; none is ended unless that is requested.
    """

    name: str
    scope_kind: str
    scope: str
    at_80: str
    at_100: str
    created_at: int
    changed_at: int
    limits: list[BudgetLimit] = field(default_factory=list)
    must_end: list[BudgetEnd] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Budgets:
    """GET /budgets."""

    budgets: list[BudgetView]
