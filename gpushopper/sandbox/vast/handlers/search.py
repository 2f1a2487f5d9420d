"""Offer search, flat and new form, with the cap of 64 (vastai.md 3)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, json, request

from gpushopper.sandbox.market.billing import storage_rate
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.filters import matches
from gpushopper.sandbox.vast.offer_rows import offer_row
from gpushopper.sandbox.vast.request_context import PROVIDER, Desk

CAP = 64
DEFAULT_DISK = 5.0
_NOT_FILTERS = frozenset({"order", "type", "limit", "allocated_storage", "disable_bundling", "select_cols"})
_TYPES = frozenset({"on-demand", "ondemand", "ask", "bid", "interruptible", "reserved"})


def register(app: Flask, desk: Desk) -> None:
    """Add the search endpoints."""

    @app.route("/api/v0/bundles/", methods=["GET", "POST"])
    def search_bundles() -> Response:
        query = desk.visit.body
        if request.method == "GET":
            query = json.loads(request.args.get("q", "{}"))
        elif "q" in query:
            return replies.refuse(400, "invalid_request", "q: Extra inputs are not permitted")
        return _answer(desk, query)

    @app.put("/api/v0/search/asks/")
    def search_asks() -> Response:
        body = desk.visit.body
        for name in body:
            if name not in ("q", "select_cols"):
                return replies.refuse(400, "invalid_request", f"{name}: Extra inputs are not permitted")
        return _answer(desk, body.get("q") or {})

    @app.get("/api/v0/template/")
    def list_templates() -> Response:
        return replies.reply({"success": True, "templates": []})

    @app.get("/api/v0/gpu_names/unique/")
    def list_gpu_names() -> Response:
        offers = desk.market.supply[PROVIDER].offers.values()
        return replies.reply({"success": True, "gpu_names": sorted({offer.host.gpu.name for offer in offers})})


def _answer(desk: Desk, query: dict[str, Any]) -> Response:
    if desk.take("empty200"):
        return replies.reply({"offers": []})
    if desk.take("null200"):
        return replies.reply({"offers": None})
    try:
        rows = _find_rows(desk, query)
    except (ValueError, TypeError) as error:
        return replies.refuse(400, "invalid_request", str(error))
    return replies.reply({"offers": rows})


def _find_rows(desk: Desk, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return at most 64 rows, whatever was asked; raises ValueError or TypeError for a malformed query."""
    kind = query.get("type", "on-demand")
    if kind not in _TYPES:
        raise ValueError(f"type: unknown offer type {kind!r}")
    disk = float(query.get("allocated_storage") or DEFAULT_DISK)
    filters = {name: value for name, value in query.items() if name not in _NOT_FILTERS}
    rows = [row for row in _rows(desk, disk, kind in ("bid", "interruptible")) if matches(_view(row), filters)]
    for column, direction in reversed(query.get("order") or []):
        rows.sort(key=lambda row: _sortable(row.get(column)), reverse=str(direction).lower() == "desc")
    limit = int(query.get("limit") or CAP)
    return rows[: min(CAP, max(limit, 0))]


def _rows(desk: Desk, disk: float, bid: bool) -> list[dict[str, Any]]:
    market = desk.market
    taken, in_use = market.taken(PROVIDER)
    now = market.now()
    return [
        offer_row(
            offer,
            storage_rate(offer, disk),
            free=offer.id not in taken and market.has_room(offer, in_use),
            bid=bid,
            end=market.contract_end(offer),
            now=now,
        )
        for offer in market.supply[PROVIDER].offers.values()
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
    """Order numbers before texts, and nothing last."""
    if value is None:
        return (2, 0.0, "")
    if isinstance(value, (int, float)):
        return (0, float(value), "")
    return (1, 0.0, str(value))
