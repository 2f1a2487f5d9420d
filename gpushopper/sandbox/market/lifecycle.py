"""How one instance moves by itself: boot stages, contract end, delayed ends, hosts that come back."""

from __future__ import annotations

from random import Random

from gpushopper.sandbox.market.model import BOOT, Instance, Phase
from gpushopper.sandbox.timing import DAY, SECOND

KEPT_AFTER_CONTRACT = 2 * DAY
"""A stopped instance whose contract ended is deleted by the host after this long (vastai.md 12)."""

_BOOT_SHARES = (0.15, 0.2, 0.65)


def draw_boot(dice: Random, boot_seconds: float) -> list[int]:
    """Return seeded microseconds for fresh, created and loading, around `boot_seconds` altogether."""
    return [round(share * boot_seconds * dice.uniform(0.6, 1.4) * SECOND) for share in _BOOT_SHARES]


def begin(instance: Instance, at: int) -> None:
    """Put a new instance into its first phase."""
    if instance.order.born_stopped or not instance.order.start:
        instance.wanted = "stopped"
        instance.enter(Phase.STOPPED, at)
        return
    instance.enter(Phase.FRESH, at)
    _schedule(instance, at)


def boot_again(instance: Instance, at: int) -> None:
    """Load the container again (start, reboot): image present, so only the last stage."""
    instance.wanted, instance.stopped_by, instance.queued_start = "running", None, False
    instance.container.starts += 1
    instance.enter(Phase.LOADING, at)
    _schedule(instance, at)


def halt(instance: Instance, at: int, by: str) -> None:
    """Stop the container; the disk goes on billing (F23)."""
    instance.wanted, instance.stopped_by, instance.next_at = "stopped", by, None
    instance.resume, instance.online_at = None, None
    instance.enter(Phase.STOPPED, at)


def run_out(instance: Instance, at: int) -> None:
    """Let the container end by itself: it reads as exited, still wanted, and its disk goes on billing (S28)."""
    instance.stopped_by, instance.next_at = "container", None
    instance.enter(Phase.STOPPED, at)


def vanish(instance: Instance, at: int, by: str) -> None:
    """End the instance for good: no phase bills after this."""
    instance.next_at = instance.end_at = instance.online_at = None
    instance.ended_at, instance.ended_by = at, by
    instance.enter(Phase.GONE, at)


def go_offline(instance: Instance, at: int, until: int | None) -> None:
    """Lose the host: nothing bills and nothing is known until it is back (F24)."""
    instance.resume, instance.next_at, instance.online_at = instance.phase, None, until
    instance.enter(Phase.OFFLINE, at)


def come_online(instance: Instance, at: int) -> None:
    """Find the host again; what ran runs on, what booted boots on."""
    phase, instance.resume, instance.online_at = instance.resume or Phase.RUNNING, None, None
    instance.enter(phase, at)
    _schedule(instance, at)


def next_event(instance: Instance) -> int | None:
    """Return the next instant at which the instance changes by itself, or None."""
    if not instance.is_there:
        return instance.return_at
    contract = instance.contract_end
    if instance.stopped_by == "contract_end":
        contract += KEPT_AFTER_CONTRACT
    times = (instance.next_at, instance.end_at, instance.online_at, contract)
    return min(time for time in times if time is not None)


def apply_event(instance: Instance, at: int) -> None:
    """Make the change that `next_event` announced for `at`."""
    if not instance.is_there:
        _return(instance, at)
    elif instance.end_at is not None and instance.end_at <= at:
        vanish(instance, at, instance.end_by or "api")
    elif instance.contract_end <= at:
        _end_contract(instance, at)
    elif instance.online_at is not None and instance.online_at <= at:
        come_online(instance, at)
    else:
        instance.enter(Phase.RUNNING if instance.phase is Phase.LOADING else BOOT[BOOT.index(instance.phase) + 1], at)
        _schedule(instance, at)


def _schedule(instance: Instance, at: int) -> None:
    """Set when the present boot stage ends; a stuck one never does."""
    instance.next_at = None
    if instance.phase in BOOT and instance.phase is not instance.order.stuck_in:
        instance.next_at = at + instance.boot_us[BOOT.index(instance.phase)]


def _end_contract(instance: Instance, at: int) -> None:
    if instance.stopped_by == "contract_end":
        vanish(instance, at, "host")
    else:
        halt(instance, at, "contract_end")


def _return(instance: Instance, at: int) -> None:
    """Come back from the dead, running and billing (F40)."""
    instance.return_at = instance.ended_at = instance.ended_by = None
    instance.billed_to = at
    instance.container.starts += 1
    instance.enter(Phase.RUNNING, at)
