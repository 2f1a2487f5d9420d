"""The routes about money: costs, whom they are charged to, and budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gpushopper.client.request_base import RequestBase
from gpushopper.wire.api import routes

if TYPE_CHECKING:
    from gpushopper import wire


class MoneyRequests(RequestBase):
    """The part of `Client` that is about money."""

    def costs(
        self,
        *,
        session: str = "",
        consumer: str = "",
        tag: str = "",
        by: str = "",
        period: str = "",
        start: int | None = None,
        end: int | None = None,
    ) -> wire.Costs:
        """Accrued and still possible costs, by session or grouped."""
        query = [("session", session), ("consumer", consumer), ("tag", tag), ("by", by), ("period", period)]
        query += [("start", start), ("end", end)]  # type: ignore[list-item]
        return self._ask(routes.COSTS, query=query)

    def costs_summary(
        self, *, consumer: str = "", period: str = "", start: int | None = None, end: int | None = None
    ) -> wire.CostSummary:
        """Totals by provider, GPU and consumer."""
        query = [("consumer", consumer), ("period", period), ("start", start), ("end", end)]
        return self._ask(routes.COSTS_SUMMARY, query=query)

    def rebuild_costs(self) -> wire.Rebuilt:
        """Have the sums by day and month made anew from the ledger."""
        return self._ask(routes.REBUILD_COSTS)

    def verify_costs(self) -> wire.Bills:
        """Have the clouds' bills read, and compared with what was counted here."""
        return self._ask(routes.VERIFY_COSTS)

    def consumers(self) -> wire.Consumers:
        """Whom sessions are charged to."""
        return self._ask(routes.CONSUMERS)

    def consumer(self, name: str) -> wire.ConsumerView:
        """One consumer by its name, or by a former one."""
        return self._ask(routes.CONSUMER, name)

    def add_consumer(self, name: str) -> wire.ConsumerView:
        """Record a consumer."""
        return self._ask(routes.ADD_CONSUMER, body={"name": name})

    def rename_consumer(self, old: str, new: str) -> wire.ConsumerView:
        """Give a consumer another name."""
        return self._ask(routes.RENAME_CONSUMER, old, body={"name": new})

    def budgets(self) -> wire.Budgets:
        """What may be spent, and how that stands."""
        return self._ask(routes.BUDGETS)

    def budget(self, name: str) -> wire.BudgetView:
        """One budget by its name."""
        return self._ask(routes.BUDGET, name)

    def set_budget(self, name: str, request: Mapping[str, Any]) -> wire.BudgetView:
        """Create or change a budget, with these fields of `wire.BudgetRequest`."""
        return self._ask(routes.SET_BUDGET, name, body=request)

    def remove_budget(self, name: str) -> wire.BudgetView:
        """Remove a budget."""
        return self._ask(routes.REMOVE_BUDGET, name)
