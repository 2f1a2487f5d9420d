"""The routes about money: costs, whom they are charged to, and budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from gpushopper.client.json_object import JsonObject
from gpushopper.client.request_base import RequestBase

if TYPE_CHECKING:
    from gpushopper import wire

REBUILD_LIMIT_S = 90.0
"""A million entries take some ten seconds."""
VERIFY_LIMIT_S = 60.0
"""Clouds are waited for, forty seconds in all."""


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
        return cast("wire.Costs", self._request("GET", "costs", query=query))

    def costs_summary(
        self, *, consumer: str = "", period: str = "", start: int | None = None, end: int | None = None
    ) -> JsonObject:
        """Totals by provider, GPU and consumer."""
        query = [("consumer", consumer), ("period", period), ("start", start), ("end", end)]
        return self._request("GET", "costs/summary", query=query)

    def rebuild_costs(self) -> wire.Rebuilt:
        """Have the sums by day and month made anew from the ledger."""
        return cast("wire.Rebuilt", self._request("POST", "costs/rebuild", limit_s=REBUILD_LIMIT_S))

    def verify_costs(self) -> wire.Bills:
        """Have the clouds' bills read, and compared with what was counted here."""
        return cast("wire.Bills", self._request("POST", "costs/verify", limit_s=VERIFY_LIMIT_S))

    def consumers(self) -> wire.Consumers:
        """Whom sessions are charged to."""
        return cast("wire.Consumers", self._request("GET", "consumers"))

    def consumer(self, name: str) -> wire.ConsumerView:
        """One consumer by its name, or by a former one."""
        return cast("wire.ConsumerView", self._request("GET", f"consumers/{quote(name, safe='')}"))

    def add_consumer(self, name: str) -> wire.ConsumerView:
        """Record a consumer."""
        return cast("wire.ConsumerView", self._request("POST", "consumers", body={"name": name}))

    def rename_consumer(self, old: str, new: str) -> wire.ConsumerView:
        """Give a consumer another name."""
        return cast("wire.ConsumerView", self._request("PATCH", f"consumers/{quote(old, safe='')}", body={"name": new}))

    def budgets(self) -> wire.Budgets:
        """What may be spent, and how that stands."""
        return cast("wire.Budgets", self._request("GET", "budgets"))

    def budget(self, name: str) -> wire.BudgetView:
        """One budget by its name."""
        return cast("wire.BudgetView", self._request("GET", f"budgets/{quote(name, safe='')}"))

    def set_budget(self, name: str, request: Mapping[str, Any]) -> wire.BudgetView:
        """Create or change a budget, with these fields of `wire.BudgetRequest`."""
        return cast("wire.BudgetView", self._request("PUT", f"budgets/{quote(name, safe='')}", body=request))

    def remove_budget(self, name: str) -> wire.BudgetView:
        """Remove a budget."""
        return cast("wire.BudgetView", self._request("DELETE", f"budgets/{quote(name, safe='')}"))
