"""Endpoints that change an instance: stop, start, modify (tensordock.md 11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flask import Flask, Response

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import HALTED, Instance, Phase
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.tensordock import replies
from gpushopper.sandbox.tensordock.create_body import is_storage, is_vcpu_count
from gpushopper.sandbox.tensordock.endpoints import BASE
from gpushopper.sandbox.tensordock.stock import Size, find_offer
from gpushopper.sandbox.tensordock.supply import type_of

_RAM_STEP_GB = 8


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the endpoints that change an instance without ending it."""

    @app.post(f"{BASE}/instances/<instance_id>/stop")
    def stop_instance(instance_id: str) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.no_such_instance()
        if instance.phase in HALTED:
            return replies.error(400, "Instance is already stopped")
        actions.stop(ctx.market, instance, ctx.caller.kind)
        return _changed(instance, "stopping")

    @app.post(f"{BASE}/instances/<instance_id>/start")
    def start_instance(instance_id: str) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.no_such_instance()
        if instance.phase not in HALTED:
            return replies.error(400, "Instance is already running")
        return _start(ctx, instance)

    @app.put(f"{BASE}/instances/<instance_id>/modify")
    def modify_instance(instance_id: str) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.no_such_instance()
        if instance.phase not in HALTED:
            return replies.error(400, "Instance must be stopped to be modified")
        return _modify(ctx, instance)


def _changed(instance: Instance, status: str) -> Response:
    return replies.reply({"data": {"type": "instance", "id": instance.cloud_id, "attributes": {"status": status}}})


def _start(ctx: RequestContext, instance: Instance) -> Response:
    """Start, or refuse: for good where the GPU was taken back. Nothing stays queued here."""
    if actions.start(ctx.market, instance):
        return _changed(instance, "starting")
    actions.stop(ctx.market, instance, ctx.caller.kind)
    return replies.error(400, "Instance cannot be started: its GPU is no longer available on the hostnode")


def _modify(ctx: RequestContext, instance: Instance) -> Response:
    body, spec, offer = ctx.current.body, instance.spec, ctx.market.offer_of(instance)
    found = list(_problems(body, spec.disk_gb, type_of(offer.host).key))
    if found:
        return replies.problems(*found)
    disk = float(body.get("diskGb", spec.disk_gb))
    count = body.get("gpus", {}).get("count", offer.gpu_count)
    size = Size(count, body.get("cpuCores", spec.vcpus), body.get("ramGb", spec.ram_gb), round(disk))
    if instance.phase is not Phase.RELEASED or count != offer.gpu_count:
        place = find_offer(ctx.market, ctx.provider, [offer.host], size, without=instance)
        if place is None:
            return replies.error(400, "The hostnode does not have enough resources")
        offer = offer if place.gpu_count == offer.gpu_count else place
    spec = replace(spec, offer_id=offer.id, vcpus=size.vcpus, ram_gb=size.ram_gb, disk_gb=disk)
    actions.resize(ctx.market, instance, spec)
    return _changed(instance, "stopped")


def _problems(body: dict[str, Any], disk_gb: float, key: str) -> Iterator[tuple[str, str]]:
    """Say what is wrong with the new sizes: their steps differ from those of a create, and a disk only grows."""
    cores, ram, disk, gpus = (body.get(name) for name in ("cpuCores", "ramGb", "diskGb", "gpus"))
    if cores is not None and not is_vcpu_count(cores):
        yield "cpuCores", "Must be an even number"
    if ram is not None and (type(ram) is not int or ram < _RAM_STEP_GB or ram % _RAM_STEP_GB):
        yield "ramGb", "Must be in steps of 8"
    if disk is not None and not (is_storage(disk) and disk >= disk_gb):
        yield "diskGb", "Must be at least 100, in steps of 50, and not smaller than before"
    if gpus is None:
        return
    count = gpus.get("count") if isinstance(gpus, dict) else None
    if type(count) is not int or count < 0 or gpus.get("gpuV0Name") != key:
        yield "gpus", "Expected gpuV0Name of this hostnode, and a count"
