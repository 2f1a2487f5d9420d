"""Offers and the requirements of a request: decides which offers match, may be rented, and in which order they rank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gpushopper.core.model.money import Micros, cost_over, is_sane_rate

MONTH_HOURS = 720
"""Hours in a storage month, as Vast counts them (vastai.md 15)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One rentable configuration at a price, as seen at `seen_at`: it may change.

    Rates are micro-dollars per hour for the whole offer. `storage_gb_month` is micro-dollars per GB and month of
    720 h. `disk_gb` is the largest disk offered. `vram_mb` is per GPU. `ends_at` is the contract's end, wall µs.
    `driver` is the version of the GPU driver (`570.86.10`), empty where the provider does not say.
    """

    provider: str
    offer_id: str
    host_id: str
    gpu: str
    gpu_count: int
    vram_mb: int
    gpu_rate: Micros
    storage_gb_month: Micros
    upload_gb: Micros
    download_gb: Micros
    region: str
    reliability: float
    cuda: float
    disk_gb: float
    cpu_cores: float
    ram_mb: int
    verified: bool
    interruptible: bool
    seen_at: int
    ends_at: int | None = None
    driver: str = ""

    @property
    def key(self) -> str:
        """The name users type: `vast:29817342`."""
        return f"{self.provider}:{self.offer_id}"

    def storage_rate(self, disk_gb: float) -> Micros:
        """Storage, micro-dollars per hour, for the disk that is requested."""
        return storage_rate(self.storage_gb_month, disk_gb)

    def rate(self, disk_gb: float) -> Micros:
        """GPU and storage together, micro-dollars per hour; traffic comes on top."""
        return self.gpu_rate + self.storage_rate(disk_gb)


def storage_rate(storage_gb_month: Micros, disk_gb: float) -> Micros:
    """Micro-dollars per hour for a disk, from the price per GB and month; rounded up (vastai.md 15)."""
    return -(-int(storage_gb_month * disk_gb) // MONTH_HOURS)


def has_valid_price(offer: Offer, disk_gb: float) -> bool:
    """Whether an offer has a valid price, for the GPU alone and with its disk (F116)."""
    return is_sane_rate(offer.gpu_rate) and is_sane_rate(offer.rate(disk_gb))


@dataclass(frozen=True, slots=True)
class Requirements:
    """What the user requests. None or an empty tuple: any. `max_rate` is micro-dollars per hour."""

    gpu: str | None = None
    provider: str | None = None
    min_gpus: int = 1
    exact_gpus: int | None = None
    min_vram_mb: int = 0
    max_rate: Micros | None = None
    min_reliability: float = 0.0
    min_cuda: float = 0.0
    regions: tuple[str, ...] = ()
    disk_gb: float = 20.0
    min_life_us: int = 0


def fits(offer: Offer, want: Requirements, gpus: tuple[str, ...] = ()) -> bool:
    """Whether an offer meets the requirements; `gpus` are the resolved names, empty for any."""
    region = offer.region.lower()
    return (
        (not gpus or offer.gpu in gpus)
        and (want.provider is None or offer.provider == want.provider)
        and offer.gpu_count >= want.min_gpus
        and (want.exact_gpus is None or offer.gpu_count == want.exact_gpus)
        and offer.vram_mb >= want.min_vram_mb
        and offer.reliability >= want.min_reliability
        and offer.cuda >= want.min_cuda
        and offer.disk_gb >= want.disk_gb
        and (not want.regions or any(_in_region(region, wanted) for wanted in want.regions))
        and (want.max_rate is None or offer.rate(want.disk_gb) <= want.max_rate)
    )


def _in_region(region: str, wanted: str) -> bool:
    """Whether a region matches: `us` as the country code at its end, `texas` as a part of its name."""
    word = wanted.lower().strip()
    return region.rsplit(",", maxsplit=1)[-1].strip() == word or (len(word) > 2 and word in region)


def is_rentable(offer: Offer, want: Requirements, now_wall: int) -> bool:
    """Whether it may be rented: on demand, with a valid price, available long enough (F116)."""
    return (
        not offer.interruptible
        and has_valid_price(offer, want.disk_gb)
        and (offer.ends_at is None or offer.ends_at - now_wall >= want.min_life_us)
    )


SORTS = ("price", "price-per-gpu", "vram", "reliability", "gpus")


def rank(offers: Iterable[Offer], disk_gb: float, sort: str = "price") -> list[Offer]:
    """Best first; equal ones by price, reliability and key, so that two searches of the same offers agree."""

    def order(offer: Offer) -> tuple[float | int | str, ...]:
        rate = offer.rate(disk_gb)
        tail = (rate, -offer.reliability, offer.key)
        match sort:
            case "price-per-gpu":
                return (rate / offer.gpu_count, *tail)
            case "vram":
                return (-offer.vram_mb * offer.gpu_count, *tail)
            case "reliability":
                return (-offer.reliability, *tail)
            case "gpus":
                return (-offer.gpu_count, *tail)
            case _:
                return tail

    return sorted(offers, key=order)


def offer_max_cost(offer: Offer, disk_gb: float, span_us: int) -> Micros:
    """Money an offer can cost over a span, traffic left out."""
    return cost_over(offer.rate(disk_gb), max(span_us, 0))
