"""What open sessions cost per hour now, and what they may still cost by their deadlines or by the end of the month."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gpushopper import wire
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import Micros
from gpushopper.core.spending import ledger
from gpushopper.core.spending.forecast import at_pace, burn_rate, to_come
from gpushopper.core.spending.window import Window
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.periods import PeriodKind, period_at
from gpushopper.engine.context import Context
from gpushopper.engine.requests.queries.money.incurred import incurred
from gpushopper.engine.requests.session_view import accrued_until, traffic_so_far
from gpushopper.store import ledger as ledger_table

PACE_US = 7 * 24 * HOUR
"""The last days by whose cost the rest of the month is estimated: from the midnight before, which rollups begin at."""


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An open attempt with what it has cost so far, ever; `traffic` of it, with its allowance."""

    attempt: Attempt
    so_far: Micros
    traffic: Micros
    allowance: Micros

    def to_come(self, now: int, until: int | None = None) -> Micros:
        """What it may still cost if it ends on time, up to a moment where one is given."""
        return to_come(self.attempt, self.so_far - self.traffic, now, until)

    @property
    def reserved(self) -> Micros:
        """What is held back beyond its cost so far."""
        used = ledger.used_of_reserve(self.so_far, self.traffic, self.allowance)
        return ledger.remaining_reserve(self.attempt, used)


def with_costs(ctx: Context, opened: Sequence[Attempt], now: int) -> list[OpenAttempt]:
    """These open attempts with their cost so far."""
    totals = ledger_table.totals_by_attempt(ctx.store, [each.id for each in opened])
    return [
        OpenAttempt(
            each,
            accrued_until(each, totals, now),
            traffic_so_far(each, totals),
            ledger.traffic_allowance(each, ctx.policy_of(each.provider)),
        )
        for each in opened
    ]


def forecast(
    ctx: Context, wanted: Collection[str] | None, opened: Sequence[OpenAttempt], first_at: int, now: int
) -> wire.CostForecast:
    """The forecast for the attempts that are asked about; `first_at`: when the first of their sessions was made."""
    month = period_at(PeriodKind.MONTH, now, ctx.zone)
    attempts = [each.attempt for each in opened]

    def spent(window: Window) -> Micros:
        return sum(incurred(ctx, window, None, wanted, attempts, now).values())

    accrued = spent(Window(month.start_at))
    begin = period_at(PeriodKind.DAY, now - PACE_US, ctx.zone).start_at
    rest = at_pace(spent(Window(begin)), now - max(begin, first_at), month.end_at - now)
    return wire.CostForecast(
        burn_rate=sum(burn_rate(each) for each in attempts),
        to_come=sum(each.to_come(now) for each in opened),
        month_start_at=month.start_at,
        month_end_at=month.end_at,
        month_accrued=accrued,
        month_max=accrued + sum(each.to_come(now, month.end_at) for each in opened),
        month_at_pace=None if rest is None else accrued + rest,
    )
