"""Decides what is to become of a leftover: removed, kept, or named to a person; and when none is left (F131).

A leftover is known by our label in its name, and removed only once the instance of that label is proven gone: a disk or
key of an instance that is still wanted, or that may still be there, is never touched.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from gpushopper.core.cloud import Ending, Leftover
from gpushopper.core.lifecycle.evidence import is_proven_gone, may_close_as_absent
from gpushopper.core.model.actions import Action, BillDiskAlone, EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.leftover import LeftoverItem, ObservedLeftovers
from gpushopper.core.policy import Policy
from gpushopper.core.spending.ledger import is_disk_left


class Fate(Enum):
    """What one leftover is."""

    FOREIGN = "foreign"
    """Without our label: a person's, or another installation's."""
    IN_USE = "in_use"
    """Of an attempt whose instance is wanted, or not proven gone."""
    UNKNOWN = "unknown"
    """Our label, and no record of its attempt: the database is older. A person decides."""
    TAKEN = "taken"
    """Ours and left, and an instance uses it that is not ours to end; also one that is not listed."""
    LEFT = "left"
    """To be removed."""


def is_over(attempt: Attempt, policy: Policy) -> bool:
    """Whether nothing of the attempt can be in use: closed, or with all the proof of that but its leftovers'."""
    match attempt.state:
        case State.CLOSED:
            return True
        case State.DESTROYING:
            return is_proven_gone(attempt, policy)
        case State.UNCERTAIN:
            return attempt.instance_id is None and may_close_as_absent(attempt, policy)
        case _:
            return False


def fate(
    item: LeftoverItem, installation: str, known: Collection[Attempt], rows: Collection[Instance], policy: Policy
) -> Fate:
    """What this leftover is; `known` are all attempts with its label, `rows` the account's instances as last listed."""
    owner = item.owner()
    # A recorded attempt may be of a former id of this installation (`config installation new`).
    is_recorded = owner is not None and any(attempt.label == owner.text for attempt in known)
    if owner is None or (owner.installation != installation and not is_recorded):
        return Fate.FOREIGN
    if any(owner.is_same_attempt(row.owner()) for row in rows):
        return Fate.IN_USE
    if not known:
        return Fate.UNKNOWN
    if not all(is_over(attempt, policy) for attempt in known):
        return Fate.IN_USE
    # An id that is not listed yet proves nothing: the list of instances may be older than what uses it (I11).
    ended = {attempt.instance_id for attempt in known}
    is_used = item.used_by is not None and item.used_by not in ended
    return Fate.TAKEN if is_used or any(row.instance_id == item.used_by for row in rows) else Fate.LEFT


def of_attempt(attempt: Attempt, seen: ObservedLeftovers) -> list[LeftoverItem]:
    """The leftovers that carry the attempt's label."""
    return [item for item in seen.items if (owner := item.owner()) is not None and owner.text == attempt.label]


def are_none_left(attempt: Attempt, seen: ObservedLeftovers | None, ending: Ending, *, is_shared: bool) -> bool:
    """Whether the attempt may be closed: a list that was requested after its end shows nothing of it.

    `is_shared`: another open attempt has the same label, so that what is left may be that one's (S9).
    """
    if not ending.leftovers or is_shared:
        return True
    since = attempt.first_absence_boot
    if seen is None or since is None or seen.requested_boot < since:
        return False
    return not of_attempt(attempt, seen)


def billing_of_disk(attempt: Attempt, seen: ObservedLeftovers) -> list[Action]:
    """The ledger goes on with the disk alone while one is left, and ends with it."""
    if attempt.state is not State.DESTROYING or attempt.off_at is None:
        return []
    has_disk = any(item.kind is Leftover.DISK for item in of_attempt(attempt, seen))
    if has_disk and attempt.is_storage_billed and not is_disk_left(attempt):
        return [BillDiskAlone(attempt)]
    if not has_disk and attempt.is_storage_billed and is_disk_left(attempt):
        event = EventDraft("disk_gone", f"the disk of instance {attempt.instance_id} is gone")
        return [UpdateAttempt(attempt, {"is_storage_billed": False}, event)]
    return []
