"""Budgets: what may be spent, and how that stands."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.engine.requests.commands.money import set_budget as commands
from gpushopper.engine.requests.queries.money import budgets as queries
from gpushopper.wire import BudgetRequest, Budgets, BudgetView
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.BUDGETS)
def budgets(call: Call[None, None]) -> Budgets:
    """All of them."""
    return queries.budgets(call.ctx)


@handlers.serves(routes.BUDGET)
def budget(call: Call[None, None]) -> BudgetView:
    """One of them."""
    return queries.budget(call.ctx, call.name)


@handlers.serves(routes.SET_BUDGET)
def set_budget(call: Call[None, BudgetRequest]) -> BudgetView:
    """Create or change it."""
    return commands.set_budget(call.handle, call.name, call.body, call.key)


@handlers.serves(routes.REMOVE_BUDGET)
def remove_budget(call: Call[None, None]) -> BudgetView:
    """Remove it."""
    return commands.forget_budget(call.handle, call.name, call.key)
