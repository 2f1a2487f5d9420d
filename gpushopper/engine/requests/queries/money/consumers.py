"""Consumers with what they have cost: ever, and in this month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from gpushopper import wire
from gpushopper.core.spending.window import Window
from gpushopper.core.timing.periods import PeriodKind, period_at
from gpushopper.engine.context import Context
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.errors import NotFound
from gpushopper.store import consumers


def list_consumers(ctx: Context) -> wire.Consumers:
    """All consumers by name; former names are shown with the present one."""
    with ctx.store.read():
        known = consumers.load_consumers(ctx.store)
        ever = costs(ctx, CostQuestion())
        month = period_at(PeriodKind.MONTH, ctx.clock.now().wall, ctx.zone)
        of_month = costs(ctx, CostQuestion(by="consumer", window=Window(month.start_at)))
    rows: dict[str, list[wire.CostRow]] = defaultdict(list)
    for row in ever.rows:
        rows[row.consumer].append(row)
    spent: Mapping[str, int] = {group.key: group.accrued for group in of_month.groups}
    return wire.Consumers(
        [
            wire.ConsumerView(
                name=each.name,
                created_at=each.created_at,
                sessions=len(rows[each.name]),
                open_sessions=sum(not row.settled for row in rows[each.name]),
                accrued=sum(row.accrued for row in rows[each.name]),
                month_accrued=spent.get(each.name, 0),
                max_cost=sum(row.max_cost for row in rows[each.name]),
                former_names=[former.name for former in known if former.renamed_to == each.name],
            )
            for each in known
            if each.renamed_to is None
        ]
    )


def consumer_view(ctx: Context, name: str) -> wire.ConsumerView:
    """One consumer by its name, or by one that it had.

    Raises:
        NotFound: there is none.
    """
    present = find_consumer(ctx, name)
    return next(each for each in list_consumers(ctx).consumers if each.name == present)


def find_consumer(ctx: Context, name: str) -> str:
    """The present name of a consumer.

    Raises:
        NotFound: there is none.
    """
    present = consumers.present_name(ctx.store, name)
    if present not in {each.name for each in consumers.load_consumers(ctx.store)}:
        raise NotFound(f"no consumer is called {name!r}", "see them with: gpu-shopper consumers", code="no_consumer")
    return present
