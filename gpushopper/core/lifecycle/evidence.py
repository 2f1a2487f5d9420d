"""What counts as seeing: trust levels, units of absence, and the two rules that may close an attempt (D5, D6)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.instance import Instance
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


@dataclass(frozen=True, slots=True)
class ObservedList:
    """One list of an account, as far as it can be trusted.

    `is_complete` is level T3: every page read, the count agrees, the account probe succeeded within the same minute and
    named the expected account. Anything less shows presence only (T2). `requested_boot` and `boot` are when the first
    request left and when the last page was in; `open_at_request` are the attempts open before it left (F42).
    """

    instances: tuple[Instance, ...]
    is_complete: bool
    requested_boot: int
    boot: int
    open_at_request: frozenset[str]

    def find(self, instance_id: str) -> Instance | None:
        """The row of an id, if shown."""
        return next((row for row in self.instances if row.instance_id == instance_id), None)

    def proves_absent(self, instance_id: str) -> bool:
        """Whether this list is evidence, at T3, that the id is not there."""
        return self.is_complete and self.find(instance_id) is None

    def is_fresh(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether it lies within the same minute, so that a by-id read can join it to T4."""
        return now.boot - self.boot <= us(policy.freshness_s)


def absence_is_due(attempt: Attempt, boot: int, spacing_s: float) -> bool:
    """Whether enough time has gone since the last unit for another to say anything new."""
    return attempt.last_absence_boot is None or boot - attempt.last_absence_boot >= us(spacing_s)


def counts_as_absence(
    attempt: Attempt, seen: ObservedList, requested_boot: int, now: ClockSnapshot, policy: Policy
) -> bool:
    """Whether a by-id "not found" now, with this list, is a T4 unit for an attempt that is being destroyed.

    List and read (`requested_boot`) must both have been asked for after the last destroy was answered: an absence from
    before it proves nothing (D6).
    """
    if attempt.instance_id is None or not seen.proves_absent(attempt.instance_id) or not seen.is_fresh(now, policy):
        return False
    if attempt.last_destroy_boot is None or min(seen.requested_boot, requested_boot) < attempt.last_destroy_boot:
        return False
    return absence_is_due(attempt, now.boot, policy.gone_interval_s)


def is_proven_gone(attempt: Attempt, policy: Policy) -> bool:
    """The gone rule for a known id: a destroy that was heard, then three units far enough apart (D6)."""
    if not attempt.destroy_acknowledged or attempt.absence_count < policy.gone_observations:
        return False
    if attempt.first_absence_boot is None or attempt.last_absence_boot is None:
        return False
    return attempt.last_absence_boot - attempt.first_absence_boot >= us(policy.gone_window_s)


def add_absence(attempt: Attempt, boot: int) -> dict[str, Any]:
    """The columns after one more unit."""
    first = boot if attempt.first_absence_boot is None or attempt.absence_count == 0 else attempt.first_absence_boot
    return {"absence_count": attempt.absence_count + 1, "first_absence_boot": first, "last_absence_boot": boot}


NO_ABSENCES: dict[str, Any] = {"absence_count": 0, "first_absence_boot": None, "last_absence_boot": None}
"""A sighting cancels all absence before it."""


def settle_elapsed_after(attempt: Attempt, boot: int, policy: Policy) -> int:
    """Awake, connected time since the outcome became uncertain, with this good look counted in (F65, S15).

    Only the time between two good looks counts, and never more than one look's pace: a sleep in between adds little.
    """
    if attempt.last_complete_list_boot is None:
        return attempt.settle_elapsed_us
    return attempt.settle_elapsed_us + min(boot - attempt.last_complete_list_boot, us(policy.uncertain_poll_s * 1.5))


def may_close_as_absent(attempt: Attempt, policy: Policy) -> bool:
    """The absence rule for an unknown id: units counted only after flight and list lag have passed (D6)."""
    return attempt.absence_count >= policy.absence_observations and attempt.settle_elapsed_us >= us(policy.settle_s)


def unlabelled_candidate(attempt: Attempt, image: str, rows: Collection[Instance]) -> Instance | None:
    """An instance without a valid label that may be this uncertain create: later, same host, same image (S4).

    What a row does not say is held against it: doubt keeps the attempt open.
    """
    return next((row for row in rows if _could_be(attempt, image, row)), None)


_CLOCK_SLACK = us(120)
"""The provider's idea of when an instance began may differ from ours by as much as clocks may (D10.3)."""


def _could_be(attempt: Attempt, image: str, row: Instance) -> bool:
    if row.owner() is not None or attempt.sent_at is None:
        return False
    shown = (row.label or "").lower()
    unlabelled = attempt.label.startswith(shown) or shown.startswith(attempt.label)
    return (
        unlabelled
        and row.host_id in (None, attempt.offer.host_id)
        and row.image in (None, image)
        and (row.created_at is None or row.created_at >= attempt.sent_at - _CLOCK_SLACK)
    )
