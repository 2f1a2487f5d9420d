"""What was incurred over a window, to the second: from rollups, from entries beyond them, and from what accrues now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.spending.incurred import accruing as accruing_entries
from gpushopper.core.spending.rollup import Calendar, Shares
from gpushopper.core.spending.window import Cover, Window, cover
from gpushopper.core.timing.periods import PeriodKind
from gpushopper.engine.context import Context
from gpushopper.store.money import rollups
from gpushopper.store.money.entries_by_time import entries_after, entries_within

Keep = Callable[[str], str | None]
"""Under which attempt an amount counts: itself, '' where attempts do not matter, None where it does not count."""


def keep_of(wanted: Collection[str] | None) -> Keep:
    """Count these attempts by themselves; for None count all of them, together."""
    if wanted is None:
        return lambda _: ""
    return lambda attempt_id: attempt_id if attempt_id in wanted else None


def incurred(
    ctx: Context,
    window: Window,
    by: PeriodKind | None,
    wanted: Collection[str] | None,
    opened: Sequence[Attempt],
    now_wall: int,
) -> Shares:
    """Micro-dollars by period (0 where `by` is None), attempt ('' where `wanted` is None) and kind.

    `opened` are the open attempts. Call it inside `ctx.store.read()`.
    """
    adding = _Sums(keep_of(wanted), None if by is None else Calendar(by, ctx.zone))
    plan = cover(window, ctx.zone, by_day=by is PeriodKind.DAY)
    if plan.whole is not None:
        _add_whole(ctx, plan, plan.whole, adding, by_attempt=wanted is not None)
    for edge in plan.edges:
        adding.entries(edge, entries_within(ctx.store, max(edge.first, 0), edge.last))
    for attempt in opened:
        adding.entries(window, accruing(attempt, now_wall))
    return adding.sums


def accruing(attempt: Attempt, now_wall: int) -> list[rollups.EntryRow]:
    """What no entry holds yet, as rows."""
    return [(e.attempt_id, e.kind, e.from_at, e.to_at, e.micros) for e in accruing_entries(attempt, now_wall)]


def _add_whole(ctx: Context, plan: Cover, whole: Window, adding: _Sums, *, by_attempt: bool) -> None:
    """Rollups, and the entries beyond their mark; all entries where the rollups are of another zone still."""
    mark = rollups.mark_of(ctx.store)
    done = mark.ledger_id if mark.zone == str(ctx.zone) else 0
    if done:
        by_time = adding.calendar is not None
        bounds = (whole.start_at, whole.end_at)
        found = rollups.sums_of(ctx.store, plan.kind, *bounds, by_time=by_time, by_attempt=by_attempt)
        for (at, attempt_id, kind), micros in found.items():
            adding.add(at, attempt_id, kind, micros)
    adding.entries(whole, entries_after(ctx.store, done))


class _Sums:
    """Adds amounts up by period, attempt and kind."""

    def __init__(self, keep: Keep, calendar: Calendar | None) -> None:
        self.keep = keep
        self.calendar = calendar
        self.sums: Shares = {}

    def add(self, at: int, attempt_id: str, kind: str, micros: int) -> None:
        """Add an amount that lies in the period of one moment."""
        kept = self.keep(attempt_id)
        if kept is not None:
            key = (0 if self.calendar is None else self.calendar.at(at).start_at, kept, kind)
            self.sums[key] = self.sums.get(key, 0) + micros

    def entries(self, window: Window, found: Iterable[rollups.EntryRow]) -> None:
        """Add the parts of entries that lie in the window."""
        for attempt_id, kind, from_at, to_at, micros in found:
            for at, part in self._parts(window, micros, from_at, to_at):
                if part:
                    self.add(at, attempt_id, kind, part)

    def _parts(self, window: Window, micros: int, from_at: int, to_at: int) -> Iterable[tuple[int, int]]:
        """The moments at which its parts begin, and the parts."""
        start, end = max(from_at, window.first), min(to_at, window.last)
        if (start, end) == (from_at, to_at) and (self.calendar is None or end <= self.calendar.at(start).end_at):
            return [(start, micros)] if start < end or window.holds(start) else []
        if self.calendar is None or from_at == to_at:
            return [(start, window.share(micros, from_at, to_at))]
        parts = []
        while start < end:
            until = min(end, self.calendar.at(start).end_at)
            parts.append((start, Window(start, until).share(micros, from_at, to_at)))
            start = until
        return parts
