"""Generates the supply from the seed: GPU models, hosts, and the offers of 1 to 8 GPUs with their prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from gpushopper.sandbox.market.model import Gpu, Host, Offer

# name, MB, GB/s, W, compute capability x100, TFLOPS, DLPerf, micro-dollars per GPU hour, hosts
GPUS = tuple(
    Gpu(*row)
    for row in (
        ("RTX 4090", 24564, 1008.0, 450.0, 890, 82.6, 104.0, 350_000, 90),
        ("RTX 3090", 24576, 936.0, 350.0, 860, 35.6, 61.0, 180_000, 16),
        ("RTX 5090", 32607, 1792.0, 575.0, 1200, 104.8, 168.0, 480_000, 10),
        ("RTX 4080", 16376, 716.8, 320.0, 890, 48.7, 66.0, 220_000, 4),
        ("RTX 4080S", 16376, 736.3, 320.0, 890, 52.2, 70.0, 230_000, 4),
        ("RTX 4070 Ti", 12282, 504.2, 285.0, 890, 40.1, 48.0, 150_000, 3),
        ("RTX 3080", 10240, 760.3, 320.0, 860, 29.8, 47.0, 120_000, 4),
        ("RTX 3060", 12288, 360.0, 170.0, 860, 12.7, 22.0, 70_000, 4),
        ("RTX 4060 Ti", 16380, 288.0, 165.0, 890, 22.1, 31.0, 95_000, 3),
        ("RTX A4000", 16376, 448.0, 140.0, 860, 19.2, 33.0, 110_000, 3),
        ("RTX A5000", 24564, 768.0, 230.0, 860, 27.8, 49.0, 190_000, 4),
        ("RTX A6000", 49140, 768.0, 300.0, 860, 38.7, 58.0, 430_000, 4),
        ("RTX 4000Ada", 20475, 360.0, 130.0, 890, 26.7, 39.0, 200_000, 2),
        ("RTX 6000Ada", 49140, 960.0, 300.0, 890, 91.1, 98.0, 680_000, 4),
        ("A100 SXM4", 81920, 2039.0, 400.0, 800, 19.5, 120.0, 1_050_000, 4),
        ("A100 PCIE", 81920, 1935.0, 300.0, 800, 19.5, 108.0, 920_000, 3),
        ("H100 SXM", 81559, 3350.0, 700.0, 900, 66.9, 290.0, 2_150_000, 4),
        ("H100 NVL", 95830, 3938.0, 400.0, 900, 60.3, 245.0, 2_050_000, 2),
        ("H200", 143771, 4800.0, 700.0, 900, 66.9, 320.0, 2_900_000, 2),
        ("H200 NVL", 143771, 4800.0, 600.0, 900, 60.3, 298.0, 2_700_000, 2),
        ("B200", 183359, 8000.0, 1000.0, 1000, 74.5, 520.0, 4_300_000, 1),
        ("L40", 46068, 864.0, 300.0, 890, 90.5, 92.0, 560_000, 3),
        ("L40S", 46068, 864.0, 350.0, 890, 91.6, 101.0, 640_000, 4),
        ("L4", 23034, 300.0, 72.0, 890, 30.3, 34.0, 260_000, 3),
        ("Tesla T4", 15360, 320.0, 70.0, 750, 8.1, 18.0, 120_000, 3),
        ("Tesla V100", 32768, 900.0, 300.0, 700, 15.7, 42.0, 210_000, 3),
        ("Q RTX 8000", 49152, 672.0, 260.0, 750, 16.3, 36.0, 270_000, 2),
    )
)
_DATACENTER_GPUS = ("A100", "H100", "H200", "B200", "L40", "L4")
_PLACES = (
    ("Texas", "US"), ("California", "US"), ("Virginia", "US"), ("", "US"), ("Quebec", "CA"),
    ("Ontario", "CA"), ("Bavaria", "DE"), ("Hesse", "DE"), ("", "NL"), ("Île-de-France", "FR"), ("", "SE"),
    ("Oslo", "NO"),
    ("England", "GB"), ("", "PL"), ("", "CZ"), ("", "ES"), ("", "BG"), ("Tokyo", "JP"), ("", "KR"),
    ("", "SG"), ("", "TW"), ("", "IN"), ("New South Wales", "AU"), ("", "BR"), ("", "VN"), ("", "CN"),
)  # fmt: skip
_CPUS = (
    ("AMD EPYC 7763 64-Core Processor", 128, 3.5, "ROME2D32GM"),
    ("AMD EPYC 7402 24-Core Processor", 48, 3.3, "H12SSL-i"),
    ("AMD Ryzen 9 7950X 16-Core Processor", 32, 5.7, "X670E Taichi"),
    ("AMD Ryzen Threadripper PRO 5975WX", 64, 4.5, "WRX80E-SAGE"),
    ("Intel(R) Xeon(R) Gold 6342 CPU", 96, 3.5, "X12DPG-OA6"),
    ("Intel(R) Core(TM) i9-13900K", 32, 5.8, "Z790 AORUS"),
)
_DISKS = ("SAMSUNG MZQL27T6", "WD_BLACK SN850X 4000GB", "INTEL SSDPE2KX040T8", "KINGSTON SFYRD4000G")
_DRIVERS = (
    (12.2, "535.183.01"),
    (12.4, "550.127.05"),
    (12.6, "560.35.03"),
    (12.8, "570.86.10"),
    (13.0, "580.65.06"),
)


@dataclass(frozen=True, slots=True)
class Supply:
    """What a provider can rent out, by id."""

    hosts: dict[int, Host] = field(default_factory=dict)
    offers: dict[int, Offer] = field(default_factory=dict)


def generate_supply(provider: str, seed: int, first_host: int) -> Supply:
    """Return the same hosts and offers for the same provider and seed: about 350 offers, 27 GPU models.

    The numbers of the hosts are `first_host` and up to some 1,500 more.
    """
    made = _generate(provider, seed, first_host)
    return Supply(dict(made.hosts), dict(made.offers))


# Cached: hosts and offers never change, and tests and the demo make many markets of one seed.
@lru_cache(maxsize=8)
def _generate(provider: str, seed: int, first_host: int) -> Supply:
    rng = Random(f"supply:{provider}:{seed}")
    supply = Supply()
    for gpu in GPUS:
        for number in range(gpu.hosts):
            host = _make_host(rng, provider, gpu, first_host + len(supply.hosts) * 7 + number % 5)
            supply.hosts[host.id] = host
            _split_into_offers(rng, host, supply.offers)
    return supply


def _make_host(rng: Random, provider: str, gpu: Gpu, host_id: int) -> Host:
    is_datacenter_gpu = gpu.name.startswith(_DATACENTER_GPUS)
    cpu, cores, ghz, board = rng.choice(_CPUS[:2] + _CPUS[4:5] if is_datacenter_gpu else _CPUS)
    place, country = rng.choice(_PLACES[:14] if is_datacenter_gpu else _PLACES)
    cuda, driver = rng.choice(_DRIVERS[1:] if is_datacenter_gpu else _DRIVERS)
    verified = is_datacenter_gpu or rng.random() < 0.8
    return Host(
        provider=provider,
        id=host_id,
        owner_id=50_000 + rng.randrange(400),
        gpu=gpu,
        gpu_count=rng.choice((8, 8, 4) if is_datacenter_gpu else (1, 1, 2, 2, 4, 8)),
        cpu_name=cpu,
        cpu_cores=cores,
        cpu_ghz=ghz,
        ram_mb=rng.choice((64_200, 128_700, 257_800, 515_789)) * (2 if is_datacenter_gpu else 1),
        disk_gb=round(rng.uniform(300, 6000), 1),
        disk_name=rng.choice(_DISKS),
        disk_bw=round(rng.uniform(900, 7000), 1),
        inet_up=round(rng.uniform(80, 2500), 1),
        inet_down=round(rng.uniform(150, 6000), 1),
        traffic_micros_gb=rng.choice((0, 1_000, 2_000, 5_000, 10_000, 20_000)),
        storage_micros_gb_month=rng.choice((100_000, 133_333, 150_000, 160_000, 200_000, 300_000)),
        place=place,
        country=country,
        public_ip=f"203.0.113.{rng.randrange(1, 255)}",
        reliability=round(rng.uniform(0.985, 0.9999) if verified else rng.uniform(0.88, 0.99), 7),
        verification="verified" if verified else rng.choice(("unverified", "unverified", "deverified")),
        static_ip=is_datacenter_gpu or rng.random() < 0.4,
        datacenter=is_datacenter_gpu and rng.random() < 0.8,
        cuda_max=cuda,
        driver=driver,
        ports=rng.choice((0, 10, 99, 249, 500)),
        term_days=rng.randrange(6, 90),
        motherboard=board,
        pcie_bw=round(rng.uniform(5.5, 26.0), 1),
    )


def _split_into_offers(rng: Random, host: Host, offers: dict[int, Offer]) -> None:
    """Add a host's offers of 1, 2, 4 and 8 GPUs, one of each size; they share the host's GPUs."""
    spread = rng.lognormvariate(0.0, 0.28)
    for size in (1, 2, 4, 8):
        if size > host.gpu_count:
            break
        offer_id = 29_000_000 + len(offers) * 1_913 + rng.randrange(1_900)
        price = round(host.gpu.price_micros * size * spread * rng.uniform(0.97, 1.03))
        offers[offer_id] = Offer(host.provider, offer_id, host, size, price, round(price * rng.uniform(0.4, 0.7)))
