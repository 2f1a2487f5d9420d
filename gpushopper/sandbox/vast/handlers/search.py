"""Endpoints of the offer search, old and new form, at most 64 rows (vastai.md 3)."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Flask, Response, json, request

from gpushopper.sandbox.market.billing import storage_rate
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.filters import check, matches
from gpushopper.sandbox.vast.offer_rows import offer_row

CAP = 64
DEFAULT_DISK = 5.0
_NOT_FILTERS = frozenset({"order", "type", "limit", "allocated_storage", "disable_bundling", "select_cols"})
_TYPES = frozenset({"on-demand", "ondemand", "ask", "bid", "interruptible", "reserved"})


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the search endpoints."""

    @app.route("/api/v0/bundles/", methods=["GET", "POST"])
    def search_bundles() -> Response:
        query = ctx.current.body
        if request.method == "GET":
            query = json.loads(request.args.get("q", "{}"))
        elif "q" in query:
            return replies.refuse(400, "invalid_request", "q: Extra inputs are not permitted")
        return _answer(ctx, query)

    @app.put("/api/v0/search/asks/")
    def search_asks() -> Response:
        body = ctx.current.body
        for name in body:
            if name not in ("q", "select_cols"):
                return replies.refuse(400, "invalid_request", f"{name}: Extra inputs are not permitted")
        return _answer(ctx, body.get("q") or {})

    @app.get("/api/v0/template/")
    def list_templates() -> Response:
        return replies.reply({"success": True, "templates": []})

    @app.get("/api/v0/gpu_names/unique/")
    def list_gpu_names() -> Response:
        offers = ctx.market.supply[ctx.provider].offers.values()
        return replies.reply({"success": True, "gpu_names": sorted({offer.host.gpu.name for offer in offers})})


def _answer(ctx: RequestContext, query: dict[str, Any]) -> Response:
    if ctx.trigger("empty200"):
        return replies.reply({"offers": []})
    if ctx.trigger("null200"):
        return replies.reply({"offers": None})
    try:
        rows = _find_rows(ctx, query)
    except (ValueError, TypeError) as error:
        return replies.refuse(400, "invalid_request", str(error))
    return replies.reply({"offers": rows})


def _find_rows(ctx: RequestContext, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return at most 64 rows, whatever limit the query has; raises ValueError or TypeError for a malformed one."""
    kind = query.get("type", "on-demand")
    if kind not in _TYPES:
        raise ValueError(f"type: unknown offer type {kind!r}")
    disk = float(query.get("allocated_storage") or DEFAULT_DISK)
    filters = {name: value for name, value in query.items() if name not in _NOT_FILTERS}
    rows = [row for row in _rows(ctx, disk, kind in ("bid", "interruptible"), filters) if matches(_view(row), filters)]
    for column, direction in reversed(query.get("order") or []):
        rows.sort(key=lambda row: _sortable(row.get(column)), reverse=str(direction).lower() == "desc")
    limit = int(query.get("limit") or CAP)
    return rows[: min(CAP, max(limit, 0))]


def _rows(ctx: RequestContext, disk: float, bid: bool, filters: dict[str, Any]) -> list[dict[str, Any]]:
    """A row of each offer that may pass the filters: those of other GPUs are left out before their rows are made."""
    check(filters)
    market = ctx.market
    taken, in_use = market.occupancy(ctx.provider)
    now = market.now()
    about_gpus = {name: tests for name, tests in filters.items() if name in ("gpu_name", "num_gpus")}

    @cache
    def has_gpus(name: str, count: int) -> bool:
        return matches({"gpu_name": name, "num_gpus": count}, about_gpus)

    return [
        offer_row(
            offer,
            storage_rate(market.billing_of(ctx.provider), offer, disk),
            free=offer.id not in taken and market.has_capacity(offer, in_use),
            bid=bid,
            end=market.contract_end(offer),
            now=now,
        )
        for offer in market.supply[ctx.provider].offers.values()
        if has_gpus(offer.host.gpu.name, offer.gpu_count)
    ]


def _view(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as filters see it: country codes, `verified`, and no `id`, which matches nothing."""
    return {
        **row,
        "id": None,
        "geolocation": row["geolocation"].rsplit(", ", 1)[-1],
        "verified": row["verification"] == "verified",
        "datacenter": bool(row["hosting_type"]),
        "driver_version": row["driver_vers"],
    }


def _sortable(value: Any) -> tuple[int, float, str]:
    """Sort key: numbers before texts, null last."""
    if value is None:
        return (2, 0.0, "")
    if isinstance(value, (int, float)):
        return (0, float(value), "")
    return (1, 0.0, str(value))
