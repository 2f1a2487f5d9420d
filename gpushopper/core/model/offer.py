"""Offers and the requirements of a request: decides which offers match, may be rented, and in which order they rank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gpushopper.core.cloud import Billing, OfferKind
from gpushopper.core.model.money import DOLLAR, Micros, cost_over, is_sane_rate
from gpushopper.core.spelling.regions import is_in


@dataclass(frozen=True, slots=True)
class Offer:
    """One rentable configuration at a price, as seen at `seen_at`: it may change.

    Rates are micro-dollars per hour for the whole offer; `gpu_rate` holds whatever comes with the GPU, also vCPU and
    RAM that are priced apart. `storage_gb_month` is micro-dollars per GB and month. `disk_gb` is the largest
    disk offered. `vram_mb` is per GPU. `ends_at` is the contract's end, wall µs. `driver` is the version of the GPU
    driver (`570.86.10`). `is_single`: one host, gone once it is rented; otherwise a type, of which `stock` are left.
    `reference` is what an adapter needs for a create where the id does not say it; nobody else reads it. None is what
    the cloud does not say.
    """

    provider: str
    offer_id: str
    gpu: str
    gpu_count: int
    vram_mb: int
    gpu_rate: Micros
    storage_gb_month: Micros
    upload_gb: Micros
    download_gb: Micros
    disk_gb: float
    seen_at: int
    host_id: str | None = None
    region: str | None = None
    reliability: float | None = None
    cuda: float | None = None
    driver: str | None = None
    cpu_cores: float | None = None
    ram_mb: int | None = None
    verified: bool | None = None
    ends_at: int | None = None
    kind: OfferKind = OfferKind.ON_DEMAND
    is_single: bool = True
    stock: int | None = None
    billing: Billing = field(default_factory=Billing)
    reference: str | None = None

    @property
    def key(self) -> str:
        """The name users type: `vast:29817342`."""
        return f"{self.provider}:{self.offer_id}"

    @property
    def states_all(self) -> bool:
        """Whether its cloud says everything that a filter can ask for."""
        facts = (self.reliability, self.cuda, self.region, self.cpu_cores, self.ram_mb, self.verified, self.host_id)
        return None not in facts

    def disk_for(self, asked_gb: float) -> float:
        """The disk that the cloud makes, and bills, where this much is asked for (GB)."""
        return self.billing.disk_for(asked_gb)

    def storage_rate(self, disk_gb: float) -> Micros:
        """Storage, micro-dollars per hour, for the disk that is requested."""
        return self.billing.storage_rate(self.storage_gb_month, self.billing.billed_gb(disk_gb))

    def rate(self, disk_gb: float) -> Micros:
        """GPU and storage together, micro-dollars per hour; traffic comes on top."""
        return self.gpu_rate + self.storage_rate(disk_gb)


def with_minimum(offer: Offer, rental_s: int) -> Offer:
    """The offer at a cloud with a minimum rental (`Ending`), seconds: that long is billed at least."""
    if rental_s <= offer.billing.minimum_s:
        return offer
    return replace(offer, billing=replace(offer.billing, minimum_s=rental_s))


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
    min_cpus: float = 0.0
    min_ram_mb: int = 0
    verified: bool = False
    excluded_hosts: frozenset[str] = frozenset()
    """Each a host's id, or `cloud:id`."""

    @property
    def asks_for_facts(self) -> bool:
        """Whether anything is required that some clouds do not say."""
        least = self.min_reliability > 0 or self.min_cuda > 0 or self.min_cpus > 0 or self.min_ram_mb > 0
        return least or self.verified or bool(self.regions or self.excluded_hosts)


def fits(offer: Offer, want: Requirements, gpus: tuple[str, ...] = ()) -> bool:
    """Whether an offer is known to meet the requirements; `gpus` are the resolved names, empty for any."""
    return fits_as_far_as_stated(offer, want, gpus) and not unstated(offer, want)


def unstated(offer: Offer, want: Requirements) -> tuple[str, ...]:
    """What is required of the offer and its cloud does not say. What is not required may stay unknown."""
    if offer.states_all or not want.asks_for_facts:
        return ()
    asked = {
        "reliability": want.min_reliability > 0 and offer.reliability is None,
        "cuda": want.min_cuda > 0 and offer.cuda is None,
        "region": bool(want.regions) and offer.region is None,
        "cpus": want.min_cpus > 0 and offer.cpu_cores is None,
        "ram": want.min_ram_mb > 0 and offer.ram_mb is None,
        "verified": want.verified and offer.verified is None,
        # A type is no host that somebody could have met: the cloud chooses one with the create.
        "host": bool(want.excluded_hosts) and offer.host_id is None and offer.is_single,
    }
    return tuple(name for name, is_unknown in asked.items() if is_unknown)


def fits_as_far_as_stated(offer: Offer, want: Requirements, gpus: tuple[str, ...] = ()) -> bool:
    """Whether an offer meets the requirements, where what its cloud does not say counts as met."""
    return (
        (not gpus or offer.gpu in gpus)
        and (want.provider is None or offer.provider == want.provider)
        and offer.gpu_count >= want.min_gpus
        and (want.exact_gpus is None or offer.gpu_count == want.exact_gpus)
        and offer.vram_mb >= want.min_vram_mb
        and (offer.reliability is None or offer.reliability >= want.min_reliability)
        and (offer.cuda is None or offer.cuda >= want.min_cuda)
        and offer.disk_gb >= offer.disk_for(want.disk_gb)
        and (offer.cpu_cores is None or offer.cpu_cores >= want.min_cpus)
        and (offer.ram_mb is None or offer.ram_mb >= want.min_ram_mb)
        and (not want.verified or offer.verified is not False)
        and not (want.excluded_hosts and _is_excluded(offer, want.excluded_hosts))
        and (not want.regions or offer.region is None or any(is_in(offer.region, each) for each in want.regions))
        and (want.max_rate is None or offer.rate(want.disk_gb) <= want.max_rate)
    )


def _is_excluded(offer: Offer, hosts: frozenset[str]) -> bool:
    return offer.host_id is not None and (offer.host_id in hosts or f"{offer.provider}:{offer.host_id}" in hosts)


def is_rentable(offer: Offer, want: Requirements, now_wall: int) -> bool:
    """Whether it may be rented: on demand, with a valid price, available long enough (F116)."""
    return (
        offer.kind is OfferKind.ON_DEMAND
        and has_valid_price(offer, want.disk_gb)
        and (offer.ends_at is None or offer.ends_at - now_wall >= want.min_life_us)
    )


NOTHING_TAKEN = frozenset({"never_sent", "throttled", "passed_over", "key_rejected", "insufficient_credit"})
"""Reasons of attempts that took nothing from a type's stock: no create reached it."""
TYPE_GONE = "offer_gone"
"""Reason of an attempt that its cloud refused because nothing of the type was left."""


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt on an offer: when it was prepared, wall µs, and why it ended; empty while it has not."""

    at: int
    reason: str = ""


def is_used_up(offer: Offer, tried: Iterable[Tried]) -> bool:
    """Whether attempts since the offer was seen have taken it: a search from before them is out of date (F8).

    One host is gone with the first attempt. A type is many hosts: it is used up once its cloud said so, or as many
    were tried as were in stock.
    """
    since = [each for each in tried if each.at >= offer.seen_at]
    if offer.is_single:
        return bool(since)
    taken = sum(each.reason not in NOTHING_TAKEN for each in since)
    return any(each.reason == TYPE_GONE for each in since) or (offer.stock is not None and taken >= offer.stock)


SORTS = ("price", "price-per-gpu", "value", "vram", "reliability", "gpus")
GROUPINGS = ("gpu", "cloud", "region")


def rank(offers: Iterable[Offer], disk_gb: float, sort: str = "price") -> list[Offer]:
    """Best first; equal ones by price, reliability (unknown last) and key: two searches of the same offers agree."""

    def order(offer: Offer) -> tuple[float | int | str, ...]:
        rate = offer.rate(disk_gb)
        unreliability = 1.0 if offer.reliability is None else -offer.reliability
        tail = (rate, unreliability, offer.key)
        match sort:
            case "price-per-gpu":
                return (rate / offer.gpu_count, *tail)
            case "value":
                return (-_value(offer, rate), *tail)
            case "vram":
                return (-offer.vram_mb * offer.gpu_count, *tail)
            case "reliability":
                return (unreliability, *tail)
            case "gpus":
                return (-offer.gpu_count, *tail)
            case _:
                return tail

    return sorted(offers, key=order)


def value_of(offer: Offer, disk_gb: float) -> float:
    """GB of GPU memory for a dollar an hour."""
    return _value(offer, offer.rate(disk_gb))


def _value(offer: Offer, rate: Micros) -> float:
    return offer.vram_mb * offer.gpu_count / 1024 * DOLLAR / max(rate, 1)


def offer_max_cost(offer: Offer, disk_gb: float, span_us: int) -> Micros:
    """Money an offer can cost over a span, in whole steps and with its minimum, traffic left out."""
    return cost_over(offer.rate(disk_gb), offer.billing.billed_us(span_us))
