"""The body of an instance, as get and list show it, and its status words (tensordock.md 6, 7).

Casing is mixed as on the wire: `ipAddress`, `portForwards` and `rateHourly` beside `internal_port` and `vcpu_count`.
"""

from __future__ import annotations

from typing import Any

from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import BOOT, Instance, Phase
from gpushopper.sandbox.tensordock.supply import type_of
from gpushopper.sandbox.timing import SECOND

_MICROS = 1_000_000
STATUS = {
    **dict.fromkeys((*BOOT, Phase.RUNNING), "running"),
    Phase.STOPPED: "stopped",
    Phase.RELEASED: "StoppedDisassociated",
    Phase.OFFLINE: "error",
}
"""`running` is shown from the create on, although nothing is reachable yet."""


def instance_row(market: Market, instance: Instance, phase: Phase) -> dict[str, Any]:
    """Return the body of one instance. Its rate is that of a running one in every phase."""
    spec, offer = instance.spec, market.offer_of(instance)
    key = type_of(offer.host).key
    gpus = {key: {"count": offer.gpu_count, "v0Name": key}} if offer.gpu_count else {}
    return {
        "type": "virtualmachine",
        "id": instance.cloud_id,
        "name": instance.label or "",
        "status": status_of(market, instance, phase),
        "ipAddress": _address(market, instance, phase),
        "portForwards": [
            {"internal_port": inner, "external_port": outer} for inner, outer in _forwards(market, instance)
        ],
        "resources": {
            "vcpu_count": spec.vcpus,
            "ram_gb": spec.ram_gb,
            "storage_gb": round(spec.disk_gb),
            "gpus": gpus,
        },
        "rateHourly": (instance.gpu_rate + instance.storage_rate) / _MICROS,
    }


def status_of(market: Market, instance: Instance, phase: Phase) -> str:
    """Return the status word; for a moment after a stop or start it is `stopping` or `starting`."""
    since, last = instance.history[-1]
    is_new = last is phase and market.now() - since < market.boot_seconds * SECOND / 4
    if phase is Phase.STOPPED and is_new and len(instance.history) > 1:
        return "stopping"
    if phase is Phase.LOADING and instance.container.starts:
        return "starting"
    return STATUS[phase]


def _address(market: Market, instance: Instance, phase: Phase) -> str:
    """Return the address: none until the machine begins to boot its system; loopback of a live one."""
    if phase in (Phase.FRESH, Phase.CREATED):
        return ""
    if _is_live(market, instance):
        return "127.0.0.1" if instance.container.port else ""
    own = f"203.0.113.{instance.id // 7 % 250 + 1}"
    return own if instance.spec.dedicated_ip else market.offer_of(instance).host.public_ip


def _forwards(market: Market, instance: Instance) -> tuple[tuple[int, int], ...]:
    """Return the port forwards; a live machine's ssh port is a forwarded one, with a dedicated address too."""
    forwards = instance.spec.ports
    if not _is_live(market, instance):
        return forwards
    port = instance.container.port
    return (*((22, number) for number in (port,) if number), *(pair for pair in forwards if pair[0] != 22))


def _is_live(market: Market, instance: Instance) -> bool:
    return market.live and instance.can_be_live
