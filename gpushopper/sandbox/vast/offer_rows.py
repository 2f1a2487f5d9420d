"""Builds the JSON row of an offer: GPUs, host, prices, availability, as Vast prints it (vastai.md 3.2)."""

from __future__ import annotations

from typing import Any

from gpushopper.sandbox.market.model import Host, Offer
from gpushopper.sandbox.timing import DAY, SECOND

SCALE = 1_000_000

_SAME_FOR_ALL = {
    "gpu_max_temp": 90.0,
    "gpu_display_active": False,
    "has_avx": 1,
    "reliability_mult": 0.98,
    "hostname": None,
    "vms_enabled": False,
    "is_vm_deverified": False,
    "resource_type": "gpu",
    "cluster_id": None,
    "bundled_results": None,
    "rn": 1,
    "avail_vol_ask_id": None,
    "avail_vol_dph": None,
    "avail_vol_size": None,
    "nw_disk_min_bw": None,
    "nw_disk_max_bw": None,
    "nw_disk_avg_bw": None,
}


def place_name(host: Host) -> str:
    """Return `Texas, US`; an unknown city leaves `, US` (seen live)."""
    return f"{host.place}, {host.country}"


def driver_number(version: str) -> int:
    """Return 570086010 for `570.86.10`."""
    major, minor, patch = (int(part) for part in version.split("."))
    return major * 1_000_000 + minor * 1_000 + patch


def host_fields(host: Host, gpu_count: int, dph: float) -> dict[str, Any]:
    """Return the fields that offer rows and instance rows share; `dph` is dollars per hour for the ratios."""
    share = gpu_count / host.gpu_count
    return {
        **_gpu_fields(host, gpu_count, dph),
        "machine_id": host.id,
        "host_id": host.owner_id,
        "bundle_id": 1_190_000_000 + host.id * 8 + gpu_count,
        "cuda_max_good": host.cuda_max,
        "driver_version": host.driver,
        "cpu_name": host.cpu_name,
        "cpu_arch": "amd64",
        "cpu_cores": host.cpu_cores,
        "cpu_cores_effective": host.cpu_cores * share,
        "cpu_ram": host.ram_mb,
        "disk_bw": host.disk_bw,
        "disk_name": host.disk_name,
        "inet_up": host.inet_up,
        "inet_down": host.inet_down,
        "inet_up_cost": host.traffic_micros_gb / SCALE,
        "inet_down_cost": host.traffic_micros_gb / SCALE,
        "direct_port_count": round(host.ports * share),
        "static_ip": host.static_ip,
        "geolocation": place_name(host),
        "reliability2": host.reliability,
        "verification": host.verification,
        "hosting_type": int(host.datacenter),
        "storage_cost": host.storage_micros_gb_month / SCALE,
        "credit_discount_max": 0.4,
        "mobo_name": host.motherboard,
        "pci_gen": 4.0,
        "pcie_bw": host.pcie_bw,
        "os_version": "22.04",
        "external": None,
        "logo": "/static/logos/vastai_small2.png",
        "webpage": None,
        "time_remaining": "",
        "time_remaining_isbid": "",
    }


def _gpu_fields(host: Host, gpu_count: int, dph: float) -> dict[str, Any]:
    gpu = host.gpu
    return {
        "gpu_name": gpu.name,
        "num_gpus": gpu_count,
        "gpu_ram": gpu.vram_mb,
        "gpu_frac": gpu_count / host.gpu_count,
        "gpu_arch": "nvidia",
        "gpu_lanes": 16,
        "gpu_mem_bw": gpu.mem_bw,
        "compute_cap": gpu.compute_cap,
        "total_flops": round(gpu.tflops * gpu_count, 4),
        "dlperf": round(gpu.dlperf * gpu_count, 4),
        "dlperf_per_dphtotal": round(gpu.dlperf * gpu_count / dph, 2),
        "flops_per_dphtotal": round(gpu.tflops * gpu_count / dph, 2),
        "score": round(gpu.dlperf * gpu_count / dph * host.reliability**8, 4),
        "bw_nvlink": 0.0,
        "vram_costperhour": round(dph / (gpu.vram_mb * gpu_count), 8),
    }


def prices(gpu_micros: int, storage_micros: int) -> dict[str, Any]:
    """Return the price object of rows; micro-dollars per hour in, dollars out."""
    total = (gpu_micros + storage_micros) / SCALE
    return {
        "gpuCostPerHour": gpu_micros / SCALE,
        "diskHour": storage_micros / SCALE,
        "totalHour": total,
        "discountTotalHour": 0,
        "discountedTotalPerHour": total,
    }


def offer_row(offer: Offer, storage_micros: int, *, free: bool, bid: bool, end: int, now: int) -> dict[str, Any]:
    """Return one search row; `storage_micros` an hour for the requested disk, `end` and `now` in microseconds."""
    host = offer.host
    gpu_micros = offer.min_bid_micros if bid else offer.price_micros
    total = (gpu_micros + storage_micros) / SCALE
    return {
        **host_fields(host, offer.gpu_count, total),
        **_SAME_FOR_ALL,
        **_price_fields(offer, gpu_micros, storage_micros),
        "id": offer.id,
        "ask_contract_id": offer.id,
        "gpu_total_ram": host.gpu.vram_mb * offer.gpu_count,
        "gpu_max_power": host.gpu.power_w,
        "driver_vers": driver_number(host.driver),
        "cpu_ghz": host.cpu_ghz,
        "disk_space": round(host.disk_gb * offer.gpu_count / host.gpu_count, 1),
        "internet_up_cost_per_tb": host.traffic_micros_gb / 1000,
        "internet_down_cost_per_tb": host.traffic_micros_gb / 1000,
        "public_ipaddr": host.public_ip,
        "geolocode": host.owner_id % 9973,
        "is_bid": bid,
        "reliability": host.reliability,
        "expected_reliability": round(host.reliability - 0.0003, 7),
        "rentable": free,
        "rented": not free,
        "vericode": int(host.verification == "verified"),
        "start_date": (end - host.term_days * DAY) / SECOND,
        "end_date": end / SECOND,
        "duration": (end - now) / SECOND,
    }


def _price_fields(offer: Offer, gpu_micros: int, storage_micros: int) -> dict[str, Any]:
    total = (gpu_micros + storage_micros) / SCALE
    return {
        "dph_base": gpu_micros / SCALE,
        "dph_total": total,
        "dph_total_adj": total,
        "min_bid": offer.min_bid_micros / SCALE,
        "storage_total_cost": storage_micros / SCALE,
        "discount_rate": 0,
        "discounted_hourly": 0,
        "discounted_dph_total": total,
        "search": prices(gpu_micros, storage_micros),
        "instance": prices(0, storage_micros),
    }
