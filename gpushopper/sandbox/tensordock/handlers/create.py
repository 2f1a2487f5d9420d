"""Endpoint of create, with the faults of the group create that change its reply (tensordock.md 5, 13, F1-F6).

A create that is repeated makes a second machine: there is no idempotency key, and names need not be unique.
"""

from __future__ import annotations

from random import Random

from flask import Flask, Response

from gpushopper.sandbox.market.market import NoCredit, OfferGone
from gpushopper.sandbox.market.model import Host, Instance, InstanceSpec, Offer
from gpushopper.sandbox.requests.creates import other_instance, rent
from gpushopper.sandbox.requests.pages import gateway_error
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.tensordock import replies
from gpushopper.sandbox.tensordock.create_body import CreateRequest, InvalidCreate, parse_create_body
from gpushopper.sandbox.tensordock.endpoints import BASE
from gpushopper.sandbox.tensordock.offer_rows import free_ports
from gpushopper.sandbox.tensordock.stock import find_offer
from gpushopper.sandbox.tensordock.supply import hostnode_id, location_of, type_of

_UNKNOWN_ID = "00000000-0000-4000-8000-00000000dead"


class _Failed(Exception):
    """A create that is refused; `reply` says how."""

    def __init__(self, reply: Response) -> None:
        super().__init__()
        self.reply = reply


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the create endpoint."""

    @app.post(f"{BASE}/instances")
    def create_instance() -> Response:
        if ctx.trigger("drop"):
            ctx.break_reply("hang")
            return gateway_error(503)
        if fault := ctx.trigger("reject", "unavailable"):
            return replies.refusal(fault.arg or "no_nodes")
        if ctx.trigger("id_never_exists"):
            return _success(ctx, _UNKNOWN_ID, ctx.current.facts.label or "")
        try:
            asked = parse_create_body(ctx.current.body)
            return _rent(ctx, _spec(ctx, asked))
        except InvalidCreate as error:
            return replies.problems(*error.problems)
        except _Failed as failed:
            return failed.reply


def _spec(ctx: RequestContext, asked: CreateRequest) -> InstanceSpec:
    """Return the spec on a host that can hold it; raises _Failed with the reply of what is in the way."""
    keys = _login_keys(ctx, asked)
    offer = _choose_offer(ctx, asked)
    if asked.dedicated_ip and not offer.host.static_ip:
        raise _Failed(replies.failure(replies.NO_PUBLIC_IP))
    return InstanceSpec(
        offer_id=offer.id,
        label=asked.name,
        image=asked.image,
        disk_gb=float(asked.size.storage_gb),
        kind="vm",
        vcpus=asked.size.vcpus,
        ram_gb=asked.size.ram_gb,
        dedicated_ip=asked.dedicated_ip,
        ports=_ports(ctx, asked, offer.host),
        cloud_init=asked.cloud_init,
        login_keys=keys,
    )


def _login_keys(ctx: RequestContext, asked: CreateRequest) -> tuple[str, ...]:
    if asked.ssh_key_id is None:
        return () if asked.ssh_key is None else (asked.ssh_key,)
    stored = ctx.market.accounts[ctx.caller.account_id].ssh_keys
    found = [str(key["value"]) for key in stored if key["id"] == asked.ssh_key_id]
    if not found:
        raise _Failed(replies.error(404, "Secret not found"))
    return tuple(found)


def _choose_offer(ctx: RequestContext, asked: CreateRequest) -> Offer:
    """Return the offer that this create gets: on the host it names, or on any of its location."""
    hosts = [host for host in ctx.market.supply[ctx.provider].hosts.values() if _is_wanted(host, asked)]
    if not hosts:
        raise _Failed(replies.failure(replies.NO_NODES))
    if asked.hostnode_id is not None and all(host.id in ctx.market.offline_hosts for host in hosts):
        raise _Failed(replies.refusal("hostnode_unavailable"))
    offer = find_offer(ctx.market, ctx.provider, hosts, asked.size)
    if offer is None:
        raise _Failed(replies.failure(replies.NO_NODES))
    return offer


def _is_wanted(host: Host, asked: CreateRequest) -> bool:
    place = hostnode_id(host) if asked.hostnode_id else location_of(host).id
    has_gpu = asked.gpu_key is None or type_of(host).key == asked.gpu_key
    return has_gpu and place == (asked.hostnode_id or asked.location_id)


def _ports(ctx: RequestContext, asked: CreateRequest, host: Host) -> tuple[tuple[int, int], ...]:
    """Return the forwards that are made: none with a dedicated address, or where the place ignores them (BUG-008).

    A create at a location gets ports of the cloud's choice, one on a named host those it asks for.
    """
    if asked.dedicated_ip or location_of(host).ignores_forwards or ctx.trigger("no_forwards"):
        return ()
    free = free_ports(ctx.market, host)
    Random(f"ports:{ctx.market.seed}:{len(ctx.market.instances)}").shuffle(free)
    made = []
    for inner, outer in asked.forwards:
        wanted = outer if asked.hostnode_id and outer else None
        if not free or (wanted is not None and wanted not in free):
            raise _Failed(replies.error(400, f"Port {wanted} is not available on this hostnode"))
        made.append((inner, free[0] if wanted is None else wanted))
        free.remove(made[-1][1])
    return tuple(made)


def _rent(ctx: RequestContext, spec: InstanceSpec) -> Response:
    try:
        instance = rent(ctx, spec)
    except OfferGone:
        return replies.failure(replies.NO_NODES)
    except NoCredit:
        return replies.refusal("low_balance")
    return gateway_error(503) if instance is None else _reply_to_create(ctx, instance)


def _reply_to_create(ctx: RequestContext, instance: Instance) -> Response:
    """Answer a create that took effect: with its id, or as the fault says."""
    if fault := ctx.trigger("refused_yet_created"):
        return replies.refusal(fault.arg or "deployment_error")
    if ctx.trigger("commit_then_500"):
        return gateway_error(500)
    if fault := ctx.trigger("commit_then_hang", "commit_then_reset"):
        ctx.break_reply(fault.word.removeprefix("commit_then_"))
    if ctx.trigger("commit_then_garbage"):
        ctx.current.ledger_reply = "200 garbage"
        return Response(b'{"data":{"type":"virtualmach', 200, content_type="application/json")
    if ctx.trigger("commit_then_no_id"):
        ctx.current.ledger_reply = "200 no_id"
        return replies.reply({"data": {"type": "virtualmachine"}})
    if fault := ctx.trigger("stranger_id"):
        instance = other_instance(ctx, instance, fault.arg or "listed")
    return _success(ctx, instance.cloud_id, instance.label or "")


def _success(ctx: RequestContext, cloud_id: str, name: str) -> Response:
    """Answer with the id: neither address nor ports nor price. `running` says nothing about being reachable."""
    word, shape = ctx.trigger("status_word"), ctx.trigger("shape")
    status = "running" if word is None else word.arg
    status_code = 201 if shape is not None and shape.arg == "201" else 200
    row = {"type": "virtualmachine", "id": cloud_id, "name": name, "status": status}
    return replies.reply({"data": row}, status_code)
