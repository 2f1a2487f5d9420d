"""Endpoints that read instances: the paged list (v1), one by id, and the faults of list and get (vastai.md 5)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.requests.reads import launch_foreign_instances, listed_instances, shown_phase
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.instance_rows import instance_row
from gpushopper.sandbox.vast.paging import BadQuery, Page, build_page, parse_page_query


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the endpoints that read instances."""

    @app.get("/api/v1/instances/")
    def list_instances() -> Response:
        if fault := ctx.trigger("empty200"):
            empty = {"success": True, "instances_found": 0, "total_instances": 0, "label_counts": {}}
            body = {**empty, "next_token": None, "instances": []}
            return replies.reply(body) if fault.arg != "body" else Response(b"", 200, content_type="application/json")
        if ctx.trigger("null200"):
            return replies.reply({"success": True, "instances": None})
        launch_foreign_instances(ctx)
        try:
            return _list(ctx, parse_page_query(request.args))
        except BadQuery as error:
            return replies.refuse(400, error.code, str(error))

    @app.get("/api/v0/instances/")
    def list_instances_old() -> Response:
        text = "/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead."
        return replies.refuse(410, "deprecated_endpoint", text)

    @app.get("/api/v0/instances/filters/")
    def list_facets() -> Response:
        rows = [instance_row(ctx.market, i, i.phase) for i in ctx.own_instances()]
        names = ("actual_status", "verification", "gpu_name")
        return replies.reply({"filters": [{name: row[name] for name in names} for row in rows]})

    @app.get("/api/v0/instances/<int:instance_id>/")
    def get_instance(instance_id: int) -> Response:
        instance = ctx.own_instance(instance_id)
        if ctx.trigger("404"):
            return replies.no_such_instance(instance_id)
        if instance is None or ctx.trigger("null"):
            return replies.reply({"instances": None})
        return replies.reply({"instances": read_row(ctx, instance)})


def read_row(ctx: RequestContext, instance: Instance) -> dict[str, Any] | None:
    """Return an instance's row with the faults of get and list; None when `stale` reads a time before it existed."""
    names, phase = instance.names, shown_phase(ctx, instance)
    if phase is None:
        return None
    row = instance_row(ctx.market, instance, phase)
    if fault := ctx.trigger("status_word", names=names):
        row["actual_status"] = fault.arg
    if fault := ctx.trigger("no_field", names=names):
        row.pop(fault.arg or "", None)
    return row


def _list(ctx: RequestContext, page: Page) -> Response:
    shown = listed_instances(ctx)
    rows = [row for instance in shown if (row := read_row(ctx, instance)) is not None]
    counts: dict[str, int] = {}
    for instance in shown:
        counts[instance.label or ""] = counts.get(instance.label or "", 0) + 1
    cut = ctx.find("page_cut")
    shift = ctx.find("page_shift")
    body, used = build_page(
        rows,
        page,
        last_page=int(cut.arg or 1) if cut else None,
        shift=int(shift.arg or 1) if shift else 0,
    )
    for fault, acted in ((cut, used.cut), (shift, used.shifted)):
        if fault and acted:
            ctx.faults.try_act(fault)
    if ctx.trigger("dup_rows"):
        body["instances"] = [row for row in body["instances"] for _ in range(2)]
    return replies.reply({"success": True, **body, "label_counts": counts})
