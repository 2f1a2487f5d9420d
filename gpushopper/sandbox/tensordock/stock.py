"""What is free at TensorDock now: GPUs, processors, memory and disk of each host, and the offer that a create gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Host, Instance, Offer, Phase


@dataclass(frozen=True, slots=True)
class Size:
    """So much of a host; memory and disk in GB."""

    gpus: int
    vcpus: int
    ram_gb: int
    storage_gb: int

    def holds(self, other: Size) -> bool:
        """Whether the other one fits into this."""
        pairs = ((self.gpus, other.gpus), (self.vcpus, other.vcpus))
        more = ((self.ram_gb, other.ram_gb), (self.storage_gb, other.storage_gb))
        return all(have >= need for have, need in (*pairs, *more))


def whole(host: Host) -> Size:
    """Return all of a host."""
    return Size(host.gpu_count, host.cpu_cores, host.ram_mb // 1024, int(host.disk_gb))


def free_sizes(market: Market, provider: str, without: Instance | None = None) -> Mapping[int, Size]:
    """Return what is free of each reachable host, by its number; `without` is counted as if it did not exist.

    A stopped machine holds its share; one whose GPUs were taken back holds its disk only.
    """
    hosts = market.supply[provider].hosts.values()
    free = {host.id: whole(host) for host in hosts if host.id not in market.offline_hosts}
    for instance in market.existing_instances():
        host_id = market.offer_of(instance).host.id if instance.provider == provider else None
        if instance is without or host_id not in free:
            continue
        spec, here = instance.spec, free[host_id]
        here = Size(here.gpus, here.vcpus, here.ram_gb, here.storage_gb - round(spec.disk_gb))
        if instance.phase is not Phase.RELEASED:
            gpus = market.offer_of(instance).gpu_count
            here = Size(here.gpus - gpus, here.vcpus - spec.vcpus, here.ram_gb - spec.ram_gb, here.storage_gb)
        free[host_id] = here
    return free


def find_offer(
    market: Market, provider: str, hosts: Iterable[Host], size: Size, without: Instance | None = None
) -> Offer | None:
    """Return a free offer of this size on the first of these hosts that can hold it; None if there is none.

    `without` is the machine that is to be resized: its own offer and share are free for it.
    """
    free = free_sizes(market, provider, without)
    taken, _ = market.occupancy(provider)
    taken -= set() if without is None else {without.spec.offer_id}
    for host in hosts:
        if host.id in free and free[host.id].holds(size):
            for offer in market.supply[provider].offers.values():
                if offer.host.id == host.id and offer.gpu_count == size.gpus and offer.id not in taken:
                    return offer
    return None


def unit_price_micros(market: Market, host: Host) -> int:
    """Return the price of one of a host's GPUs, micro-dollars per hour."""
    offers = market.supply[host.provider].offers.values()
    return next(offer.price_micros for offer in offers if offer.host.id == host.id and offer.gpu_count == 1)
