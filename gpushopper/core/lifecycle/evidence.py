"""Decides when an instance is proven gone: enough absences over enough time after an acknowledged destroy (D5, D6).

Also when an uncertain create counts as absent. These two rules alone may close an attempt that has been sent; beside
them there is only a person's word (`core/listing/forgetting.py`).
"""

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
    """One list of an account, with what it can prove.

    `is_complete` is level T3: every page was read, the count agrees, and the account probe succeeded within the same
    minute and named the expected account. Any other list shows presence only (T2). `requested_boot` and `boot` are when
    the first request was sent and when the last page was in; `open_at_request` are the ids of the attempts that were
    open before it was sent (F42).
    """

    instances: tuple[Instance, ...]
    is_complete: bool
    requested_boot: int
    boot: int
    open_at_request: frozenset[str]

    def find(self, instance_id: str) -> Instance | None:
        """The row of an id, if listed."""
        return next((row for row in self.instances if row.instance_id == instance_id), None)

    def proves_absent(self, instance_id: str) -> bool:
        """Whether this list is an absence of the id, at T3: complete, and without it."""
        return self.is_complete and self.find(instance_id) is None

    def is_fresh(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether it is so recent (`freshness_s`) that a by-id read can agree with it (T4)."""
        return now.boot - self.boot <= us(policy.freshness_s)


def lists_may_lag(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> bool:
    """Whether its create was sent so recently that lists need not show its instance yet (`list_lag_s`)."""
    return attempt.sent_at is not None and now.wall - attempt.sent_at <= us(policy.list_lag_s)


def absence_is_due(attempt: Attempt, boot: int, spacing_s: float) -> bool:
    """Whether enough time has passed since the last absence for the next one to count."""
    return attempt.last_absence_boot is None or boot - attempt.last_absence_boot >= us(spacing_s)


def counts_as_absence(
    attempt: Attempt, seen: ObservedList, requested_boot: int, now: ClockSnapshot, policy: Policy
) -> bool:
    """Whether a by-id "not found" now, with this list, is a T4 absence for an attempt that is being destroyed.

    List and read (sent at `requested_boot`) must both have been requested after the last destroy was answered: an
    absence from before it proves nothing (D6).
    """
    if attempt.instance_id is None or not seen.proves_absent(attempt.instance_id) or not seen.is_fresh(now, policy):
        return False
    if attempt.last_destroy_boot is None or min(seen.requested_boot, requested_boot) < attempt.last_destroy_boot:
        return False
    return absence_is_due(attempt, now.boot, policy.gone_interval_s)


def is_proven_gone(attempt: Attempt, policy: Policy) -> bool:
    """The rule for a known id: an acknowledged destroy, then enough absences over enough time (D6)."""
    if not attempt.destroy_acknowledged or attempt.absence_count < policy.gone_observations:
        return False
    if attempt.first_absence_boot is None or attempt.last_absence_boot is None:
        return False
    return attempt.last_absence_boot - attempt.first_absence_boot >= us(policy.gone_window_s)


def add_absence(attempt: Attempt, boot: int) -> dict[str, Any]:
    """The fields after one more absence."""
    first = boot if attempt.first_absence_boot is None or attempt.absence_count == 0 else attempt.first_absence_boot
    return {"absence_count": attempt.absence_count + 1, "first_absence_boot": first, "last_absence_boot": boot}


NO_ABSENCES: dict[str, Any] = {"absence_count": 0, "first_absence_boot": None, "last_absence_boot": None}
"""The fields after a sighting, which cancels all absences before it."""


def settle_elapsed_after(attempt: Attempt, boot: int, policy: Policy) -> int:
    """Microseconds of settle time since the outcome became uncertain, up to this complete list (F65, S15).

    Only time between two complete lists counts, and at most 1.5 poll intervals of each gap, so that a computer's sleep
    in between adds little.
    """
    if attempt.last_complete_list_boot is None:
        return attempt.settle_elapsed_us
    return attempt.settle_elapsed_us + min(boot - attempt.last_complete_list_boot, us(policy.uncertain_poll_s * 1.5))


def may_close_as_absent(attempt: Attempt, policy: Policy) -> bool:
    """The rule for an unknown id: enough absences, counted after the settle time (call in flight, list lag) (D6)."""
    return attempt.absence_count >= policy.absence_observations and attempt.settle_elapsed_us >= us(policy.settle_s)


def unlabelled_candidate(attempt: Attempt, rows: Collection[Instance]) -> Instance | None:
    """An instance without a valid label that may come from this uncertain create: later, same host and image (S4).

    A value that the row does not show counts as a match, which keeps the attempt open.
    """
    return next((row for row in rows if _is_candidate(attempt, row)), None)


_CLOCK_SLACK = us(120)
"""How much earlier than our send the provider may date an instance of it: its clock may be slow (D10.3)."""


def _is_candidate(attempt: Attempt, row: Instance) -> bool:
    if row.owner() is not None or attempt.sent_at is None:
        return False
    shown = (row.label or "").lower()
    has_no_label = attempt.label.startswith(shown) or shown.startswith(attempt.label)
    return (
        has_no_label
        and (attempt.offer.host_id is None or row.host_id in (None, attempt.offer.host_id))
        and row.image in (None, attempt.image)
        and (row.created_at is None or row.created_at >= attempt.sent_at - _CLOCK_SLACK)
    )
