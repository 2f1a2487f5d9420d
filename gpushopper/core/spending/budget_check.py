"""Decides whether budgets allow one attempt more, or one that lasts longer, and what would fit (D11, I13, F113).

The same rule for provision, failover and extend: nothing that we commit may make accrued and worst case pass a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from gpushopper.core.model.money import CENT, Micros, dollars
from gpushopper.core.spending.budget import PERIOD_OF, Budget, Commitment, LimitKind, ScopeKind, by_session, covers
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.core.timing.periods import Period, PeriodKind, periods_over

NAMED_HOLDERS = 3
"""How many sessions a refusal names, of those that hold a cent at least."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that a change would pass: what is committed already, and how much more the change needs.

    `period` is None for a limit per session. `holders`: the sessions that hold most of it, with what each counts.
    """

    budget: Budget
    kind: LimitKind
    limit: Micros
    period: Period | None
    committed: Micros
    more: Micros
    holders: tuple[tuple[str, Micros], ...]


def first_breach(
    budgets: Iterable[Budget],
    others: Sequence[Commitment],
    former: Commitment | None,
    wanted: Commitment,
    now_wall: int,
    zone: tzinfo,
) -> Breach | None:
    """The first limit that `wanted`, in place of `former`, would pass; None where all hold.

    What adds nothing to a period is no breach of it, so that an extension to an earlier end is never refused. A former
    one that a budget does not count, for its tags were others, leaves nothing there.
    """
    for budget in budgets:
        if not covers(budget, wanted):
            continue
        counted = [one for one in others if covers(budget, one)]
        replaced = former if former is not None and covers(budget, former) else None
        for kind, limit in budget.limits():
            held = [one for one in counted if kind is not LimitKind.SESSION or one.session_id == wanted.session_id]
            for period in _periods(kind, wanted, now_wall, zone):
                before = 0 if replaced is None else replaced.counted(kind, period, now_wall)
                more = wanted.counted(kind, period, now_wall) - before
                committed = before + sum(one.counted(kind, period, now_wall) for one in held)
                if more > 0 and committed + more > limit:
                    with_former = held if replaced is None else [*held, replaced]
                    holders = _holders(with_former, kind, period, now_wall)
                    return Breach(budget, kind, limit, period, committed, more, holders)
    return None


def _periods(kind: LimitKind, wanted: Commitment, now_wall: int, zone: tzinfo) -> Iterator[Period | None]:
    if kind is LimitKind.SESSION:
        yield None
    else:
        yield from periods_over(PERIOD_OF[kind], now_wall, wanted.to_come.end_at, zone)


def _holders(
    held: Sequence[Commitment], kind: LimitKind, period: Period | None, now_wall: int
) -> tuple[tuple[str, Micros], ...]:
    names = {one.session_id: one.name for one in held}
    sums = by_session(held, kind, period, now_wall)
    most = sorted(sums.items(), key=lambda each: -each[1])
    return tuple((names[session_id], amount) for session_id, amount in most)


def longest_fit(shortest_us: int, longest_us: int, fits: Callable[[int], bool]) -> int:
    """The longest duration, whole minutes in µs, that fits; 0 where not even the shortest does.

    What fits for a time fits for each shorter one.
    """
    if longest_us < shortest_us or not fits(shortest_us):
        return 0
    low, high = shortest_us // MINUTE, longest_us // MINUTE
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle * MINUTE) else (low, middle - 1)
    return low * MINUTE


def refusal_text(breach: Breach, now_wall: int, zone: tzinfo) -> str:
    """The limit, what is committed, by which sessions, and what the request needs: in one line."""
    scope = scope_text(breach.budget)
    limit = f"budget {breach.budget.name}{f' ({scope})' if scope else ''}: {dollars(breach.limit)} {PER[breach.kind]}"
    when = "" if breach.period is None else f" {period_text(breach.period, now_wall, zone)}"
    text = f"{limit}; {dollars(breach.committed)} is committed{when}, this could cost {dollars(breach.more)} more"
    if breach.kind is LimitKind.SESSION or not breach.holders:
        return text
    shown = [each for each in breach.holders[:NAMED_HOLDERS] if each[1] >= CENT]
    if not shown:
        return text
    named = ", ".join(f"{name} {dollars(amount)}" for name, amount in shown)
    rest = len(breach.holders) - len(shown)
    return f"{text}; held by {named}{f' and {rest} more' if rest > 0 else ''}"


PER = {LimitKind.SESSION: "a session", LimitKind.DAILY: "a day", LimitKind.MONTHLY: "a month"}


def fit_text(longest_us: int) -> str:
    """The option that asks for what fits: `--hours 1.4`; below six minutes `--for 5m`; empty for nothing."""
    if longest_us < MINUTE:
        return ""
    tenths = longest_us * 10 // HOUR
    if not tenths:
        return f"--for {longest_us // MINUTE}m"
    return f"--hours {tenths // 10}" if tenths % 10 == 0 else f"--hours {tenths / 10:.1f}"


def scope_text(budget: Budget) -> str:
    """Whose sessions it counts, in words; empty for all."""
    return "" if budget.scope_kind is ScopeKind.ALL else f"{budget.scope_kind} {budget.scope}"


def period_text(period: Period, now_wall: int, zone: tzinfo) -> str:
    """`today`, `this month`, `on 2 December`, `in December`."""
    if period.holds(now_wall):
        return "today" if period.kind is PeriodKind.DAY else "this month"
    begins = datetime.fromtimestamp(period.start_at / SECOND, zone)
    return f"on {begins.day} {begins:%B}" if period.kind is PeriodKind.DAY else f"in {begins:%B}"
