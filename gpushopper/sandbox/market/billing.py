"""Billing: computes the rates and the bill of each instance (GPU, storage, traffic), and when credit is exhausted.

How a cloud bills is in its profile (`cloud_profile.py`), which every function takes.
"""

from __future__ import annotations

from gpushopper.sandbox.market.cloud_profile import BillingProfile
from gpushopper.sandbox.market.model import UNITS_PER_MICRO, Account, Instance, InstanceSpec, Offer, Phase

TRAFFIC_GB_PER_HOUR = (1, 5)
"""A running simulated instance moves this fraction of a GB each hour (one fifth)."""


def storage_rate(profile: BillingProfile, offer: Offer, disk_gb: float) -> int:
    """Return micro-dollars per hour for a disk; hosts price it per GB and month."""
    return round(offer.host.storage_micros_gb_month * profile.billed_gb(disk_gb) / profile.month_hours)


def traffic_rate(profile: BillingProfile, offer: Offer) -> int:
    """Return micro-dollars per hour of the small steady traffic of a running simulated instance (F25)."""
    part, whole = TRAFFIC_GB_PER_HOUR
    return offer.host.traffic_micros_gb * part // whole if profile.bills_traffic else 0


def gpu_rate(offer: Offer, spec: InstanceSpec) -> int:
    """Return micro-dollars per hour for the GPUs: the bid of an interruptible instance, otherwise the offer's price.

    Processors and memory are part of it where the cloud prices them.
    """
    base = offer.price_micros if spec.bid_micros is None else spec.bid_micros
    base += spec.vcpus * offer.host.vcpu_micros_hour + spec.ram_gb * offer.host.ram_micros_gb_hour
    return round(base * spec.price_factor)


def current_rate(profile: BillingProfile, instance: Instance, phase: Phase | None = None) -> int:
    """Return what the instance costs in micro-dollars per hour, now or in another phase."""
    phase = phase or instance.phase
    rate = instance.gpu_rate if profile.bills_gpu(phase) else 0
    rate += instance.storage_rate if profile.bills_storage(phase) else 0
    return rate + (instance.traffic_rate if phase is Phase.RUNNING else 0)


def spent_since(profile: BillingProfile, instance: Instance, since: int, now: int) -> int:
    """Return the cost units an instance used between two instants, from its history; whole steps are not counted."""
    ends = [at for at, _ in instance.history[1:]] + [now]
    return sum(
        max(end - max(at, since), 0) * current_rate(profile, instance, phase)
        for (at, phase), end in zip(instance.history, ends, strict=True)
    )


def accrue(profile: BillingProfile, instance: Instance, account: Account, to: int) -> None:
    """Bill the instance from `billed_to` to `to` in its present phase; does nothing where `to` is earlier.

    A step of the cloud's granularity is billed at the rate of the moment it begins.
    """
    elapsed = to - instance.billed_to
    if elapsed <= 0:
        return
    meter, before = instance.meter, instance.meter.units
    if profile.bills_gpu(instance.phase):
        meter.gpu_units += _begun(profile, meter.gpu_us, elapsed) * instance.gpu_rate
        meter.gpu_us += elapsed
    if instance.phase is Phase.RUNNING:
        meter.traffic_units += elapsed * instance.traffic_rate
    if profile.bills_storage(instance.phase):
        meter.storage_units += _begun(profile, meter.storage_us, elapsed) * instance.storage_rate
        meter.storage_us += elapsed
    instance.billed_to = to
    account.spent_units += meter.units - before


def _begun(profile: BillingProfile, used_us: int, more_us: int) -> int:
    """Return how much more is billed when `more_us` are used after `used_us`."""
    return profile.billed_time(used_us + more_us) - profile.billed_time(used_us)


def credit_exhausted_at(profile: BillingProfile, account: Account, instances: list[Instance], now: int) -> int | None:
    """Return when the account's credit reaches zero at today's rates, where that stops its machines.

    Only running instances matter: with none, the rest is storage, which bills past zero (F82).
    """
    own = [instance for instance in instances if instance.account_id == account.id]
    if not profile.stops_without_credit or not any(instance.phase is Phase.RUNNING for instance in own):
        return None
    if account.credit_micros <= 0:
        return now
    left = account.paid_in_micros * UNITS_PER_MICRO - account.spent_units
    rate = sum(current_rate(profile, instance) for instance in own)
    return now + -(-left // rate) if rate else None
