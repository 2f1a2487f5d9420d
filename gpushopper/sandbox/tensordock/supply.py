"""What TensorDock rents out: its locations, and in each the hosts with their GPUs (tensordock.md 4, 10).

An offer of the market is so many GPUs of one host. A host has as many offers of each size as fit at once, because
several machines may run on it, and some without a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from uuid import NAMESPACE_OID, uuid5

from gpushopper.sandbox.market.catalogue import GPUS, Supply
from gpushopper.sandbox.market.model import Gpu, Host, Offer

STORAGE_MICROS_GB_HOUR = 50
VCPU_MICROS_HOUR = 3_000
RAM_MICROS_GB_HOUR = 2_000
_HOURS_PER_MONTH = 720
_CPU_OFFERS = 4


@dataclass(frozen=True, slots=True)
class GpuType:
    """A GPU type: its key on the wire (`v0Name`), its name for people, the model's name, micro-dollars per hour."""

    key: str
    title: str
    model: str
    price_micros: int
    vram_mb: int | None = None

    @property
    def gpu(self) -> Gpu:
        """The model's facts."""
        known = next(gpu for gpu in GPUS if gpu.name == self.model)
        return known if self.vram_mb is None else replace(known, vram_mb=self.vram_mb)


GPU_TYPES = tuple(
    GpuType(*row)
    for row in (
        ("geforcertx4090-pcie-24gb", "NVIDIA GeForce RTX 4090 PCIe 24GB", "RTX 4090", 396_600),
        ("geforcertx3090-pcie-24gb", "NVIDIA GeForce RTX 3090 PCIe 24GB", "RTX 3090", 200_000),
        ("geforcertx5090-pcie-32gb", "NVIDIA GeForce RTX 5090 PCIe 32GB", "RTX 5090", 560_000),
        ("rtxa4000-pcie-16gb", "NVIDIA RTX A4000 PCIe 16GB", "RTX A4000", 110_000),
        ("rtxa5000-pcie-24gb", "NVIDIA RTX A5000 PCIe 24GB", "RTX A5000", 200_000),
        ("rtxa6000-pcie-48gb", "NVIDIA RTX A6000 PCIe 48GB", "RTX A6000", 420_000),
        ("l4-pcie-24gb", "NVIDIA L4 PCIe 24GB", "L4", 330_000),
        ("l40s-pcie-48gb", "NVIDIA L40S PCIe 48GB", "L40S", 800_000),
        ("a100-pcie-80gb", "NVIDIA A100 PCIe 80GB", "A100 PCIE", 1_200_000),
        ("a100-sxm4-80gb", "NVIDIA A100 SXM4 80GB", "A100 SXM4", 1_300_000),
        ("h100-sxm5-80gb", "NVIDIA H100 SXM5 80GB", "H100 SXM", 2_250_000),
        ("v100-sxm2-16gb", "NVIDIA V100 SXM2 16GB", "Tesla V100", 180_000, 16_384),
    )
)
BY_KEY = {kind.key: kind for kind in GPU_TYPES}


@dataclass(frozen=True, slots=True)
class Location:
    """A place. `ignores_forwards`: port forwards are accepted there and nothing comes of them (BUG-008)."""

    number: int
    city: str
    state: str
    country: str
    code: str
    tier: int
    has_ips: bool
    stock: tuple[tuple[str, int], ...]
    has_forwarding: bool = True
    network_storage: bool = False
    ignores_forwards: bool = False

    @property
    def id(self) -> str:
        """Its id on the wire, the same in every market."""
        return str(uuid5(NAMESPACE_OID, f"tensordock location {self.number}"))


LOCATIONS = tuple(
    Location(number, *row)  # type: ignore[arg-type]
    for number, row in enumerate(
        (
            ("Chubbuck", "Idaho", "United States", "US", 1, True,
             (("geforcertx4090-pcie-24gb", 8), ("geforcertx5090-pcie-32gb", 4), ("rtxa4000-pcie-16gb", 4))),
            ("Manassas", "Virginia", "United States", "US", 3, True,
             (("geforcertx4090-pcie-24gb", 8), ("a100-sxm4-80gb", 8), ("h100-sxm5-80gb", 8), ("l40s-pcie-48gb", 8)),
             True, True),
            ("Manassas", "Virginia", "United States", "US", 2, True,
             (("geforcertx3090-pcie-24gb", 8), ("rtxa5000-pcie-24gb", 4), ("geforcertx4090-pcie-24gb", 4))),
            ("Joplin", "Missouri", "United States", "US", 0, True,
             (("geforcertx4090-pcie-24gb", 4), ("geforcertx3090-pcie-24gb", 4), ("v100-sxm2-16gb", 8)),
             True, False, True),
            ("Orlando", "Florida", "United States", "US", 2, True,
             (("rtxa6000-pcie-48gb", 4), ("a100-pcie-80gb", 4))),
            ("Frankfurt", "Hesse", "Germany", "DE", 3, False, (("l4-pcie-24gb", 4), ("rtxa4000-pcie-16gb", 4))),
        )
    )
)  # fmt: skip


def location_of(host: Host) -> Location:
    """Return where a host stands."""
    return LOCATIONS[host.location]


def type_of(host: Host) -> GpuType:
    """Return a host's GPU type."""
    return next(kind for kind in GPU_TYPES if kind.model == host.gpu.name)


def hostnode_id(host: Host) -> str:
    """Return the id of a host on the wire."""
    return str(uuid5(NAMESPACE_OID, f"tensordock hostnode {host.id}"))


def make_supply(provider: str, seed: int, first_host: int) -> Supply:
    """Return the hosts of every location and their offers; prices and processors follow from the seed."""
    rng = Random(f"supply:{provider}:{seed}")
    supply = Supply()
    for place in LOCATIONS:
        for key, count in place.stock:
            host = _make_host(rng, provider, place, BY_KEY[key], count, first_host + len(supply.hosts))
            supply.hosts[host.id] = host
            # The seed decides which location is cheaper; seed 1 has the prices of the notes.
            spread = 1.0 if seed == 1 else rng.uniform(0.9, 1.15)
            _split_into_offers(host, round(BY_KEY[key].price_micros * spread), supply.offers)
    return supply


def _make_host(rng: Random, provider: str, place: Location, kind: GpuType, count: int, number: int) -> Host:
    cores, ghz, cpu = rng.choice(((56, 2.9, "AMD EPYC 7513 32-Core Processor"), (96, 2.6, "AMD EPYC 7643 48-Core")))
    return Host(
        provider=provider,
        id=number,
        owner_id=0,
        gpu=kind.gpu,
        gpu_count=count,
        cpu_name=cpu,
        cpu_cores=cores,
        cpu_ghz=ghz,
        ram_mb=rng.choice((331, 503)) * 1024,
        disk_gb=float(rng.choice((7_600, 15_200, 30_200))),
        disk_name="NVMe",
        disk_bw=3_000.0,
        inet_up=round(rng.uniform(0.5, 10) * 1000, 1),
        inet_down=round(rng.uniform(0.5, 10) * 1000, 1),
        traffic_micros_gb=0,
        storage_micros_gb_month=STORAGE_MICROS_GB_HOUR * _HOURS_PER_MONTH,
        place=place.city,
        country=place.code,
        public_ip=f"198.51.100.{number % 250 + 1}",
        reliability=round(rng.uniform(0.95, 0.9999), 4),
        verification="verified",
        static_ip=place.has_ips,
        datacenter=place.tier >= 3,
        cuda_max=12.8,
        driver="570.86.10",
        ports=100,
        term_days=0,
        motherboard="",
        pcie_bw=24.0,
        vcpu_micros_hour=VCPU_MICROS_HOUR,
        ram_micros_gb_hour=RAM_MICROS_GB_HOUR,
        location=place.number,
    )


def _split_into_offers(host: Host, price_micros: int, offers: dict[int, Offer]) -> None:
    sizes = [size for size in range(1, host.gpu_count + 1) for _ in range(host.gpu_count // size)]
    for number, size in enumerate([*sizes, *[0] * _CPU_OFFERS], start=host.id * 1_000):
        price = price_micros * size
        offers[number] = Offer(host.provider, number, host, size, price, price)
