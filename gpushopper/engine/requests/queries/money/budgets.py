"""Show budgets: all, or one."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.engine.context import Context
from gpushopper.engine.money.standings import load_standings
from gpushopper.engine.requests.budget_view import budget_view, no_budget
from gpushopper.store.money.budgets import load_budgets


def budgets(ctx: Context) -> wire.Budgets:
    """All budgets by name."""
    with ctx.store.read():
        now = ctx.clock.now().wall
        found = load_standings(ctx, now)
        return wire.Budgets([budget_view(each, found, now) for each in load_budgets(ctx.store)])


def budget(ctx: Context, name: str) -> wire.BudgetView:
    """One budget.

    Raises:
        NotFound: there is none of this name.
    """
    found = next((each for each in budgets(ctx).budgets if each.name == name), None)
    if found is None:
        raise no_budget(name)
    return found
