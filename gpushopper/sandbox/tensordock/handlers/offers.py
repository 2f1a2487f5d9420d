"""Endpoints of what can be rented: locations, and single hosts (tensordock.md 4)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.tensordock import replies
from gpushopper.sandbox.tensordock.endpoints import BASE
from gpushopper.sandbox.tensordock.offer_rows import hostnode_row, location_rows
from gpushopper.sandbox.tensordock.stock import free_sizes, whole

_FILTERS = {"minRamGb": "ram_gb", "minVcpu": "vcpu_count", "minStorageGb": "storage_gb"}


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the endpoints of offers."""

    @app.get(f"{BASE}/locations")
    def list_locations() -> Response:
        if ctx.current.caller is None and ctx.trigger("needs_key"):
            return replies.no_key()
        if fault := ctx.trigger("empty200"):
            return Response(b"", 200) if fault.arg == "body" else replies.reply({"data": {"locations": []}})
        if ctx.trigger("null200"):
            return replies.reply({"data": {"locations": None}})
        free = free_sizes(ctx.market, ctx.provider)
        if ctx.trigger("stale_stock"):
            free = {host.id: whole(host) for host in ctx.market.supply[ctx.provider].hosts.values()}
        shape = ctx.trigger("shape")
        as_map = shape is not None and shape.arg == "map"
        return replies.reply({"data": {"locations": location_rows(ctx.market, ctx.provider, free, as_map=as_map)}})

    @app.get(f"{BASE}/hostnodes")
    def list_hostnodes() -> Response:
        try:
            least = {field: float(request.args.get(name, 0)) for name, field in _FILTERS.items()}
        except ValueError:
            return replies.error(400, "Invalid filter")
        rows = [row for row in _hostnodes(ctx) if _fits(row["available_resources"], least)]
        return replies.reply({"data": {"hostnodes": rows}})

    @app.get(f"{BASE}/hostnodes/<node_id>")
    def get_hostnode(node_id: str) -> Response:
        found = next((row for row in _hostnodes(ctx) if row["id"] == node_id), None)
        return replies.error(404, "Hostnode not found") if found is None else replies.reply({"data": found})


def _hostnodes(ctx: RequestContext) -> list[dict[str, Any]]:
    free = free_sizes(ctx.market, ctx.provider)
    hosts = ctx.market.supply[ctx.provider].hosts.values()
    rows = [hostnode_row(ctx.market, host, free[host.id]) for host in hosts if host.id in free]
    return sorted(rows, key=lambda row: str(row["id"]))


def _fits(available: dict[str, Any], least: dict[str, float]) -> bool:
    wanted = request.args.get("gpu")
    has_gpu = wanted is None or any(gpu["v0Name"] == wanted for gpu in available["gpus"])
    return has_gpu and all(available[field] >= amount for field, amount in least.items())
