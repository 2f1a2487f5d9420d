"""Budgets as values: what a budget limits, for whom, and what each attempt counts against it (D11, I13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gpushopper.core.model.money import Micros
from gpushopper.core.spending.worst_case import NOTHING, WorstCase
from gpushopper.core.timing.periods import Period, PeriodKind


class ScopeKind(StrEnum):
    """Whose sessions a budget counts."""

    ALL = "all"
    CONSUMER = "consumer"
    ACCOUNT = "account"
    TAG = "tag"


class At80(StrEnum):
    """What happens once four fifths of a limit are spent."""

    WARN = "warn"
    NONE = "none"


class At100(StrEnum):
    """What a limit does: whatever could pass it is refused; with `stop`, sessions end too before it is spent."""

    REFUSE = "refuse"
    STOP = "stop"


class LimitKind(StrEnum):
    """Over what a limit counts."""

    SESSION = "session"
    DAILY = "daily"
    MONTHLY = "monthly"


PERIOD_OF = {LimitKind.DAILY: PeriodKind.DAY, LimitKind.MONTHLY: PeriodKind.MONTH}


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget as stored. `scope` is a consumer, an account, or a tag (`paper`, `paper=neurips`); empty for all.

    Limits are micro-dollars; None: no limit. Times are wall µs.
    """

    name: str
    scope_kind: ScopeKind
    scope: str
    daily: Micros | None
    monthly: Micros | None
    session: Micros | None
    at_80: At80 = At80.WARN
    at_100: At100 = At100.REFUSE
    created_at: int = 0
    changed_at: int = 0

    def limits(self) -> tuple[tuple[LimitKind, Micros], ...]:
        """Its limits that are set."""
        found = ((kind, getattr(self, kind)) for kind in LimitKind)
        return tuple((kind, amount) for kind, amount in found if amount is not None)


@dataclass(frozen=True, slots=True)
class Incurred:
    """What an attempt has cost: in the present day and month, and ever; what no entry has yet included."""

    day: Micros = 0
    month: Micros = 0
    ever: Micros = 0

    def plus(self, more: Incurred) -> Incurred:
        """Both together."""
        return Incurred(self.day + more.day, self.month + more.month, self.ever + more.ever)

    def of(self, kind: LimitKind) -> Micros:
        """What counts against a limit of this kind."""
        match kind:
            case LimitKind.SESSION:
                return self.ever
            case LimitKind.DAILY:
                return self.day
            case LimitKind.MONTHLY:
                return self.month


@dataclass(frozen=True, slots=True)
class Going:
    """What bills now: its rate, micro-dollars per hour, until when at the latest, and whether it is ending already."""

    rate: Micros
    until_at: int
    is_ending: bool = False


@dataclass(frozen=True, slots=True)
class Commitment:
    """One attempt as budgets count it: whose it is, what it has cost, and what it may still cost at most.

    `going` is None once nothing of it bills. `traffic` is the part of `incurred` that its cloud has billed for traffic:
    spread over the time that was billed. `in_doubt` is a part of the rest that no session is ended for
    (budget_doubt.py); only looked up where sessions may be.
    """

    attempt_id: str
    session_id: str
    name: str
    consumer: str
    provider: str
    tags: Mapping[str, str] = field(default_factory=dict)
    incurred: Incurred = Incurred()
    traffic: Incurred = Incurred()
    in_doubt: Incurred = Incurred()
    to_come: WorstCase = NOTHING
    going: Going | None = None

    def counted(self, kind: LimitKind, period: Period | None, now_wall: int) -> Micros:
        """What it counts against a limit: all of it, or what was and may be incurred in that period."""
        if period is None:
            return self.incurred.ever + self.to_come.at_most
        spent = self.spent(kind) if period.holds(now_wall) else 0
        return spent + self.to_come.within(period)

    def spent(self, kind: LimitKind) -> Micros:
        """What it has cost in the present period of a limit."""
        return self.incurred.of(kind)

    def believed(self, kind: LimitKind) -> Micros:
        """The part of that which sessions are ended for: what a cloud says of traffic cannot be checked here (F25)."""
        return self.spent(kind) - self.in_doubt.of(kind) - self.traffic.of(kind)


def covers(budget: Budget, one: Commitment) -> bool:
    """Whether a budget counts this attempt."""
    match budget.scope_kind:
        case ScopeKind.ALL:
            return True
        case ScopeKind.CONSUMER:
            return one.consumer == budget.scope
        case ScopeKind.ACCOUNT:
            return one.provider == budget.scope
        case ScopeKind.TAG:
            return counts_tags(budget.scope, one.tags)


def counts_tags(scope: str, tags: Mapping[str, str]) -> bool:
    """Whether a budget for this tag, or for any of this key, counts a session with these."""
    key, equals, value = scope.partition("=")
    return key in tags and (not equals or tags[key] == value)


def by_session(
    commitments: Iterable[Commitment], kind: LimitKind, period: Period | None, now_wall: int
) -> dict[str, Micros]:
    """What each session counts, by id; those that count nothing are left out."""
    sums: dict[str, Micros] = {}
    for one in commitments:
        sums[one.session_id] = sums.get(one.session_id, 0) + one.counted(kind, period, now_wall)
    return {session_id: amount for session_id, amount in sums.items() if amount}


def covered(budget: Budget, commitments: Sequence[Commitment]) -> list[Commitment]:
    """The attempts that a budget counts."""
    return [one for one in commitments if covers(budget, one)]
