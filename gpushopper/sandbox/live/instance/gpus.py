"""The facts that the simulated nvidia-smi prints: names, memory, driver, load of an offer's GPUs, or a false claim."""

from __future__ import annotations

from gpushopper.sandbox.market.model import Instance, Offer

_GEFORCE = ("RTX 3", "RTX 4080", "RTX 4090", "RTX 4070", "RTX 4060", "RTX 5")
_NAMES = {
    "RTX 4080S": "NVIDIA GeForce RTX 4080 SUPER",
    "RTX 4000Ada": "NVIDIA RTX 4000 Ada Generation",
    "RTX 6000Ada": "NVIDIA RTX 6000 Ada Generation",
    "A100 SXM4": "NVIDIA A100-SXM4-80GB",
    "A100 PCIE": "NVIDIA A100 80GB PCIe",
    "H100 SXM": "NVIDIA H100 80GB HBM3",
    "Tesla T4": "Tesla T4",
    "Tesla V100": "Tesla V100-SXM2-32GB",
    "Q RTX 8000": "Quadro RTX 8000",
}


def driver_name(name: str) -> str:
    """Return the driver's name of a GPU that the market calls `name`."""
    return _NAMES.get(name) or f"NVIDIA {'GeForce ' if name.startswith(_GEFORCE) else ''}{name}"


def gpu_facts(offer: Offer, instance: Instance) -> dict[str, str]:
    """Return what nvidia-smi prints: the offer's GPUs and their load, replaced by the claims of `POST /revise`."""
    gpu, host = offer.host.gpu, offer.host
    return {
        "name": driver_name(gpu.name),
        "count": str(offer.gpu_count),
        "memory": str(gpu.vram_mb),
        "driver": host.driver,
        "cuda": f"{host.cuda_max:.1f}",
        "power": f"{gpu.power_w:.0f}",
        "cap": f"{gpu.compute_cap / 100:.1f}",
        "load": str(instance.container.load),
        **instance.container.claims,
    }
