"""What the daemon says of itself and its accounts, and the answers of small commands; they only ever gain fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpushopper.wire.responses import ProviderStatus


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the daemon is well, and what is wrong; it answers where it is up at all. Times are wall µs.

    `in_progress`: what a restart would make begin again.
    """

    ok: bool
    problems: list[str]
    version: str
    protocol: int
    pid: int
    home: str
    started_at: int
    now: int
    in_progress: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether all accounts with a key have been listed once, so that sessions may be rented; else which have not."""

    ready: bool
    waiting: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stopping:
    """The daemon that is about to stop; sessions go on."""

    stopping: bool
    pid: int


@dataclass(frozen=True, slots=True)
class Providers:
    """The accounts, and whether they answer."""

    providers: list[ProviderStatus]


@dataclass(frozen=True, slots=True)
class KeyEnvironment:
    """Accounts without a key and with one (`held`), and the variables that decide where the daemon looks for keys."""

    keyless: list[str]
    held: list[str]
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """How many alarms were acknowledged."""

    acknowledged: int


@dataclass(frozen=True, slots=True)
class CostSummary:
    """Totals in micro-dollars, and what was accrued by account, GPU and consumer; `sessions`: how many."""

    accrued: int
    max_cost: int
    sessions: int
    by_provider: dict[str, int] = field(default_factory=dict)
    by_gpu: dict[str, int] = field(default_factory=dict)
    by_consumer: dict[str, int] = field(default_factory=dict)
