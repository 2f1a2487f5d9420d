"""Reading instances: the paged v1 list, the retired v0 list, one by id (vastai.md 5)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.instance_rows import instance_row
from gpushopper.sandbox.vast.paging import BadQuery, Page, ask_page, cut_page
from gpushopper.sandbox.vast.request_context import PROVIDER, Desk, fault_names


def register(app: Flask, desk: Desk) -> None:
    """Add the endpoints that read instances."""

    @app.get("/api/v1/instances/")
    def list_instances() -> Response:
        if fault := desk.take("empty200"):
            empty = {"success": True, "instances_found": 0, "total_instances": 0, "label_counts": {}}
            told = {**empty, "next_token": None, "instances": []}
            return replies.reply(told) if fault.arg != "body" else Response(b"", 200, content_type="application/json")
        if desk.take("null200"):
            return replies.reply({"success": True, "instances": None})
        _bring_strangers(desk)
        try:
            return _list(desk, ask_page(request.args))
        except BadQuery as error:
            return replies.refuse(400, error.code, str(error))

    @app.get("/api/v0/instances/")
    def list_instances_old() -> Response:
        text = "/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead."
        return replies.refuse(410, "deprecated_endpoint", text)

    @app.get("/api/v0/instances/filters/")
    def list_facets() -> Response:
        rows = [instance_row(desk.market, i, i.phase) for i in desk.market.present(desk.caller.account_id)]
        names = ("actual_status", "verification", "gpu_name")
        return replies.reply({"filters": [{name: row[name] for name in names} for row in rows]})

    @app.get("/api/v0/instances/<int:instance_id>/")
    def get_instance(instance_id: int) -> Response:
        instance = desk.mine(instance_id)
        if desk.take("404"):
            return replies.no_such_instance(instance_id)
        if instance is None or desk.take("null"):
            return replies.reply({"instances": None})
        return replies.reply({"instances": read_row(desk, instance)})


def read_row(desk: Desk, instance: Instance) -> dict[str, Any] | None:
    """Return an instance's row as the faults let it be read; None when `stale` predates it."""
    names = fault_names(instance)
    phase = instance.phase
    if fault := desk.take("stale", names=names):
        past = instance.phase_at(desk.market.now() - fault.duration_arg("60"))
        if past is None:
            return None
        phase = past
    row = instance_row(desk.market, instance, phase)
    if fault := desk.take("provider_status", names=names):
        row["actual_status"] = fault.arg
    if fault := desk.take("no_field", names=names):
        row.pop(fault.arg or "", None)
    return row


def _list(desk: Desk, page: Page) -> Response:
    shown = [instance for instance in desk.market.present(desk.caller.account_id) if _is_shown(desk, instance)]
    rows = [row for instance in shown if (row := read_row(desk, instance)) is not None]
    counts: dict[str, int] = {}
    for instance in shown:
        counts[instance.label or ""] = counts.get(instance.label or "", 0) + 1
    cut = desk.find("page_cut")
    shift = desk.find("page_shift")
    body, used = cut_page(
        rows,
        page,
        last_page=int(cut.arg or 1) if cut else None,
        shift=int(shift.arg or 1) if shift else 0,
    )
    for fault, acted in ((cut, used.cut), (shift, used.shifted)):
        if fault and acted:
            desk.faults.act(fault)
    if desk.take("dup_rows"):
        body["instances"] = [row for row in body["instances"] for _ in range(2)]
    return replies.reply({"success": True, **body, "label_counts": counts})


def _is_shown(desk: Desk, instance: Instance) -> bool:
    """Whether the list shows an instance: `lag` hides young ones, `omit` chosen ones (F19)."""
    names = fault_names(instance)
    lag = desk.find("lag", names=names)
    if lag and desk.market.now() - instance.created_at < lag.duration_arg("60") and desk.faults.act(lag):
        return False
    return desk.take("omit", names=names) is None


def _bring_strangers(desk: Desk) -> None:
    """Start other people's instances on the account, with labels that nearly match present ones (F21)."""
    fault = desk.find("foreign")
    if fault is None or fault.acted or not desk.faults.act(fault):
        return
    labels = [i.label for i in desk.market.present(desk.caller.account_id) if i.label] or ["gs1-stranger"]
    for number in range(int(fault.arg or 1)):
        actions.launch_foreign(desk.market, PROVIDER, _near_miss(labels[number % len(labels)], number))


def _near_miss(label: str, number: int) -> str | None:
    """Return a label that is not `label` but looks like it."""
    shapes = (label[:-1], f"{label}x", f"x{label}", label.upper(), label[1:], f"{label} ", f" {label}")
    choices = [shape for shape in shapes if shape != label]
    return None if number % 8 == 7 else choices[number % len(choices)]
