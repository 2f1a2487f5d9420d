"""Billing: computes the rates and the bill of each instance (GPU, storage, traffic), and when credit is exhausted."""

from __future__ import annotations

from gpushopper.sandbox.market.model import UNITS_PER_MICRO, Account, Instance, InstanceSpec, Offer, Phase

STORAGE_HOURS_PER_MONTH = 720
TRAFFIC_GB_PER_HOUR = (1, 5)
"""A running simulated instance moves this fraction of a GB each hour (one fifth)."""

_BILLS_STORAGE = frozenset(Phase) - {Phase.OFFLINE, Phase.GONE}


def storage_rate(offer: Offer, disk_gb: float) -> int:
    """Return micro-dollars per hour for a disk; it is priced per GB and month of 720 h (vastai.md 15)."""
    return round(offer.host.storage_micros_gb_month * disk_gb / STORAGE_HOURS_PER_MONTH)


def traffic_rate(offer: Offer) -> int:
    """Return micro-dollars per hour of the small steady traffic of a running simulated instance (F25)."""
    part, whole = TRAFFIC_GB_PER_HOUR
    return offer.host.traffic_micros_gb * part // whole


def gpu_rate(offer: Offer, spec: InstanceSpec) -> int:
    """Return micro-dollars per hour for the GPUs: the bid of an interruptible instance, otherwise the offer's price."""
    base = offer.price_micros if spec.bid_micros is None else spec.bid_micros
    return round(base * spec.price_factor)


def current_rate(instance: Instance, phase: Phase | None = None) -> int:
    """Return what the instance costs in micro-dollars per hour, now or in another phase (vastai.md 15).

    GPU and traffic are billed only while running, the disk in every phase in which the contract exists except offline.
    """
    phase = phase or instance.phase
    if phase is Phase.RUNNING:
        return instance.gpu_rate + instance.storage_rate + instance.traffic_rate
    return instance.storage_rate if phase in _BILLS_STORAGE else 0


def spent_since(instance: Instance, since: int, now: int) -> int:
    """Return the cost units an instance used between two instants, from its history."""
    ends = [at for at, _ in instance.history[1:]] + [now]
    return sum(
        max(end - max(at, since), 0) * current_rate(instance, phase)
        for (at, phase), end in zip(instance.history, ends, strict=True)
    )


def accrue(instance: Instance, account: Account, to: int) -> None:
    """Bill the instance from `billed_to` to `to` in its present phase; does nothing where `to` is earlier."""
    elapsed = to - instance.billed_to
    if elapsed <= 0:
        return
    before = instance.meter.units
    if instance.phase is Phase.RUNNING:
        instance.meter.gpu_us += elapsed
        instance.meter.gpu_units += elapsed * instance.gpu_rate
        instance.meter.traffic_units += elapsed * instance.traffic_rate
    if instance.phase in _BILLS_STORAGE:
        instance.meter.storage_us += elapsed
        instance.meter.storage_units += elapsed * instance.storage_rate
    instance.billed_to = to
    account.spent_units += instance.meter.units - before


def credit_exhausted_at(account: Account, instances: list[Instance], now: int) -> int | None:
    """Return when the account's credit reaches zero at today's rates; None while nothing runs.

    Only running instances matter: with none, the rest is storage, which bills past zero (F82).
    """
    own = [instance for instance in instances if instance.account_id == account.id]
    if not any(instance.phase is Phase.RUNNING for instance in own):
        return None
    if account.credit_micros <= 0:
        return now
    left = account.paid_in_micros * UNITS_PER_MICRO - account.spent_units
    rate = sum(current_rate(instance) for instance in own)
    return now + -(-left // rate) if rate else None
