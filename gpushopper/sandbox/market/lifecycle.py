"""The life cycle of one instance: changes of phase, and which comes next by itself (boot stages, contract end ...)."""

from __future__ import annotations

from random import Random

from gpushopper.sandbox.market.model import BOOT, Instance, Phase
from gpushopper.sandbox.timing import DAY, SECOND

KEPT_AFTER_CONTRACT = 2 * DAY
"""A stopped instance whose contract ended is deleted by the host after this long."""

_BOOT_SHARES = (0.15, 0.2, 0.65)


def draw_boot_stages(rng: Random, boot_seconds: float) -> list[int]:
    """Draw microseconds for fresh, created and loading, around `boot_seconds` altogether."""
    return [round(share * boot_seconds * rng.uniform(0.6, 1.4) * SECOND) for share in _BOOT_SHARES]


def enter_first_phase(instance: Instance, at: int) -> None:
    """Put a new instance into its first phase."""
    if instance.spec.born_stopped or not instance.spec.start:
        instance.wanted = "stopped"
        instance.enter(Phase.STOPPED, at)
        return
    instance.enter(Phase.FRESH, at)
    _schedule(instance, at)


def restart_container(instance: Instance, at: int) -> None:
    """Start the container again (start, reboot): the image is there, so only the last boot stage is repeated."""
    instance.wanted, instance.stopped_by, instance.queued_start = "running", None, False
    instance.container.starts += 1
    instance.enter(Phase.LOADING, at)
    _schedule(instance, at)


def stop(instance: Instance, at: int, by: str) -> None:
    """Stop the container; the disk is still billed (F23)."""
    instance.wanted, instance.stopped_by, instance.next_at = "stopped", by, None
    instance.resume, instance.online_at = None, None
    instance.enter(Phase.STOPPED, at)


def release_gpus(instance: Instance, at: int) -> None:
    """The host has taken the GPUs back: the instance is stopped for good, and its disk is still billed."""
    stop(instance, at, "host")
    instance.phase = Phase.RELEASED
    instance.history[-1] = (at, Phase.RELEASED)


def exit_container(instance: Instance, at: int) -> None:
    """The container has exited by itself: shown as exited, intended to run, and its disk is still billed (S28)."""
    instance.stopped_by, instance.next_at = "container", None
    instance.enter(Phase.STOPPED, at)


def terminate(instance: Instance, at: int, by: str) -> None:
    """End the instance: nothing is billed after this."""
    instance.next_at = instance.end_at = instance.online_at = None
    instance.ended_at, instance.ended_by = at, by
    instance.enter(Phase.GONE, at)


def take_offline(instance: Instance, at: int, until: int | None) -> None:
    """The host is unreachable: nothing is billed and the phase is unknown until it is back (F24)."""
    instance.resume, instance.next_at, instance.online_at = instance.phase, None, until
    instance.enter(Phase.OFFLINE, at)


def bring_online(instance: Instance, at: int) -> None:
    """The host is reachable again: return to the phase before."""
    phase, instance.resume, instance.online_at = instance.resume or Phase.RUNNING, None, None
    instance.enter(phase, at)
    _schedule(instance, at)


def next_event(instance: Instance) -> int | None:
    """Return the next instant at which the instance changes by itself, or None."""
    if not instance.exists:
        return instance.return_at
    contract = instance.contract_end
    if instance.stopped_by == "contract_end":
        contract += KEPT_AFTER_CONTRACT
    times = (instance.next_at, instance.end_at, instance.online_at, contract)
    return min(time for time in times if time is not None)


def apply_event(instance: Instance, at: int) -> None:
    """Make the change that `next_event` returned for `at`."""
    if not instance.exists:
        _return(instance, at)
    elif instance.end_at is not None and instance.end_at <= at:
        terminate(instance, at, instance.end_by or "api")
    elif instance.contract_end <= at:
        _end_contract(instance, at)
    elif instance.online_at is not None and instance.online_at <= at:
        bring_online(instance, at)
    else:
        instance.enter(Phase.RUNNING if instance.phase is Phase.LOADING else BOOT[BOOT.index(instance.phase) + 1], at)
        _schedule(instance, at)


def _schedule(instance: Instance, at: int) -> None:
    """Set when the present boot stage ends; never, if the instance is to be stuck in it."""
    instance.next_at = None
    if instance.phase in BOOT and instance.phase is not instance.spec.stuck_in:
        instance.next_at = at + instance.boot_us[BOOT.index(instance.phase)]


def _end_contract(instance: Instance, at: int) -> None:
    if instance.stopped_by == "contract_end":
        terminate(instance, at, "host")
    else:
        stop(instance, at, "contract_end")


def _return(instance: Instance, at: int) -> None:
    """Exist again, running and billed, after the destroy seemed to succeed (`zombie`, F40)."""
    instance.return_at = instance.ended_at = instance.ended_by = None
    instance.billed_to = at
    instance.container.starts += 1
    instance.enter(Phase.RUNNING, at)
