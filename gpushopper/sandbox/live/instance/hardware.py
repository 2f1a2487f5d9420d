"""The disk size, memory (/proc/meminfo) and processors (/proc/cpuinfo) a live instance sees: its offer's."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.sandbox.market.model import Instance, Offer

KB_PER_GB = 1024 * 1024
_KB_PER_MB = 1024


def hardware_facts(offer: Offer, instance: Instance) -> dict[str, str]:
    """Return disk, memory and processors, replaced by the claims of `POST /revise`.

    A disk is as large as requested; the others are too where a create requests them, otherwise the host's.
    """
    claims, spec = instance.container.claims, instance.spec
    return {
        "disk_kb": str(round(float(claims.get("disk", instance.spec.disk_gb)) * KB_PER_GB)),
        "ram_kb": str(round(float(claims.get("ram", spec.ram_gb * 1024 or offer.host.ram_mb)) * _KB_PER_MB)),
        "cpus": str(int(claims.get("cpus", spec.vcpus or offer.host.cpu_cores))),
        "cpu_name": offer.host.cpu_name,
        "cpu_mhz": f"{offer.host.cpu_ghz * 1000:.3f}",
    }


def memory_text(facts: Mapping[str, str]) -> str:
    """Return the text of /proc/meminfo for an idle host."""
    total = int(facts["ram_kb"])
    sizes = {
        "MemTotal": total, "MemFree": total * 9 // 10, "MemAvailable": total * 19 // 20, "Buffers": total // 200,
        "Cached": total // 25, "SwapCached": 0, "Shmem": 0, "SReclaimable": 0, "SwapTotal": 0, "SwapFree": 0,
    }  # fmt: skip
    return "".join(f"{name + ':':<15} {size:>8} kB\n" for name, size in sizes.items())


def processor_text(facts: Mapping[str, str]) -> str:
    """Return the text of /proc/cpuinfo, with one entry for each processor."""
    name, mhz = facts["cpu_name"], facts["cpu_mhz"]
    entries = (
        f"processor\t: {number}\nmodel name\t: {name}\ncpu MHz\t\t: {mhz}\n\n" for number in range(int(facts["cpus"]))
    )
    return "".join(entries)
