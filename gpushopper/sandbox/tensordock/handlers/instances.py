"""Endpoints that read instances: the list in its three shapes, and one by id (tensordock.md 6), with their faults."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response

from gpushopper.sandbox.faults.fault_table import Fault
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.requests.reads import launch_foreign_instances, listed_instances, shown_phase
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.tensordock import replies
from gpushopper.sandbox.tensordock.endpoints import BASE
from gpushopper.sandbox.tensordock.instance_rows import instance_row


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the endpoints that read instances."""

    @app.get(f"{BASE}/instances")
    def list_instances() -> Response:
        shape = ctx.trigger("shape")
        form = None if shape is None else shape.arg
        if fault := ctx.trigger("empty200"):
            return Response(b"", 200) if fault.arg == "body" else replies.reply(_shaped([], form))
        if ctx.trigger("null200"):
            return replies.reply({"data": None})
        launch_foreign_instances(ctx)
        rows = [row for instance in listed_instances(ctx) if (row := _row(ctx, instance)) is not None]
        if ctx.trigger("dup_rows"):
            rows = [row for row in rows for _ in range(2)]
        return replies.reply(_shaped(rows, form))

    @app.get(f"{BASE}/instances/<instance_id>")
    def get_instance(instance_id: str) -> Response:
        instance = ctx.own_instance(instance_id)
        row = None if instance is None or ctx.trigger("404") else _row(ctx, instance)
        if row is None:
            return replies.no_such_instance()
        if ctx.trigger("null"):
            return replies.reply(None)
        match ctx.trigger("shape"):
            case Fault(arg="data"):
                return replies.reply({"data": row})
            case Fault(arg="instance"):
                return replies.reply({**row, "type": "instance"})
        return replies.reply(row)


def _row(ctx: RequestContext, instance: Instance) -> dict[str, Any] | None:
    """Return an instance's body with the faults of get and list; None when `stale` reads a time before it existed."""
    names, phase = instance.names, shown_phase(ctx, instance)
    if phase is None:
        return None
    row = instance_row(ctx.market, instance, phase)
    if fault := ctx.trigger("status_word", names=names):
        row["status"] = fault.arg
    if fault := ctx.trigger("no_field", names=names):
        row.pop(fault.arg or "", None)
    return row


def _shaped(rows: list[dict[str, Any]], shape: str | None) -> dict[str, Any]:
    """Return the list in a documented shape: flat (1, live), of one page of the docs (2), of another (3).

    Items of shape 2 have name and status only, in `attributes`; as `2flat` they are whole bodies.
    """
    match shape:
        case "2":
            return {"data": {"instances": [_item(row) for row in rows]}}
        case "2flat":
            return {"data": {"instances": rows}}
        case "3":
            return {"data": {"type": "list", "id": "instances", "attributes": {"instances": rows}}}
        case _:
            return {"data": rows}


def _item(row: dict[str, Any]) -> dict[str, Any]:
    attributes = {name: row[name] for name in ("name", "status") if name in row}
    return {"type": "VM", "id": row.get("id"), "attributes": attributes}
