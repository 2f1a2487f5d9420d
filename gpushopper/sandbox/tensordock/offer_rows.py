"""The rows of `/locations` and `/hostnodes`: what is free in a place and on a host, with prices (tensordock.md 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Host
from gpushopper.sandbox.tensordock.stock import Size, unit_price_micros
from gpushopper.sandbox.tensordock.supply import (
    LOCATIONS,
    RAM_MICROS_GB_HOUR,
    STORAGE_MICROS_GB_HOUR,
    VCPU_MICROS_HOUR,
    Location,
    hostnode_id,
    location_of,
    type_of,
)

_MICROS = 1_000_000
FIRST_PORT = 20_000
PRICING = {
    "per_vcpu_hr": VCPU_MICROS_HOUR / _MICROS,
    "per_gb_ram_hr": RAM_MICROS_GB_HOUR / _MICROS,
    "per_gb_storage_hr": STORAGE_MICROS_GB_HOUR / _MICROS,
}


def location_rows(market: Market, provider: str, free: Mapping[int, Size], *, as_map: bool) -> list[dict[str, Any]]:
    """Return the places that have a GPU left; `as_map` gives each one's GPUs by their keys instead of a list."""
    hosts = list(market.supply[provider].hosts.values())
    rows = []
    for place in LOCATIONS:
        here = [host for host in hosts if location_of(host) is place and host.id in free and free[host.id].gpus > 0]
        gpus = [_gpu_row(market, place, host, free[host.id]) for host in here]
        if gpus:
            shown: Any = {row["v0Name"]: row for row in gpus} if as_map else gpus
            rows.append({**_place(place), "tier": place.tier, "gpus": shown})
    return rows


def _place(place: Location) -> dict[str, Any]:
    return {"id": place.id, "city": place.city, "stateprovince": place.state, "country": place.country}


def _gpu_row(market: Market, place: Location, host: Host, free: Size) -> dict[str, Any]:
    kind = type_of(host)
    return {
        "v0Name": kind.key,
        "displayName": kind.title,
        "max_count": free.gpus,
        "price_per_hr": unit_price_micros(market, host) / _MICROS,
        "resources": {"max_vcpus": free.vcpus, "max_ram_gb": free.ram_gb, "max_storage_gb": free.storage_gb},
        "pricing": PRICING,
        "network_features": {
            "dedicated_ip_available": place.has_ips,
            "port_forwarding_available": place.has_forwarding,
            "network_storage_available": place.network_storage,
        },
    }


def hostnode_row(market: Market, host: Host, free: Size) -> dict[str, Any]:
    """Return one host; its speeds are fractional numbers, which break a parser of whole ones."""
    place, kind = location_of(host), type_of(host)
    price = unit_price_micros(market, host) / _MICROS
    gpus = [{"v0Name": kind.key, "availableCount": free.gpus, "price_per_hr": price}] if free.gpus > 0 else []
    return {
        "id": hostnode_id(host),
        "location_id": place.id,
        "engine": "kvm",
        "uptime_percentage": round(host.reliability * 100, 2),
        "available_resources": {
            "gpus": gpus,
            "vcpu_count": free.vcpus,
            "ram_gb": free.ram_gb,
            "storage_gb": free.storage_gb,
            "max_vcpus_per_gpu": free.vcpus // max(free.gpus, 1),
            "max_ram_per_gpu": free.ram_gb // max(free.gpus, 1),
            "max_vcpus": free.vcpus,
            "max_ram_gb": free.ram_gb,
            "max_storage_gb": free.storage_gb,
            "available_ports": free_ports(market, host),
            "has_public_ip_available": host.static_ip,
        },
        "pricing": PRICING,
        "location": {
            "uuid": place.id,
            **{name: text for name, text in _place(place).items() if name != "id"},
            "has_network_storage": place.network_storage,
            "network_speed_gbps": round(host.inet_down / 1000, 2),
            "network_speed_upload_gbps": round(host.inet_up / 1000, 2),
            "organization": f"org-{place.number}",
            "organizationName": f"{place.city} Compute",
            "tier": place.tier,
        },
    }


def free_ports(market: Market, host: Host) -> list[int]:
    """Return the ports of a host's address that lead to no machine yet."""
    there = [i for i in market.existing_instances() if i.provider == host.provider]
    used = {outer for i in there if market.offer_of(i).host.id == host.id for _, outer in i.spec.ports}
    return [port for port in range(FIRST_PORT, FIRST_PORT + host.ports) if port not in used]
