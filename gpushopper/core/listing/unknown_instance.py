"""Our label under an unrecorded id: take the id, adopt an orphan, destroy a duplicate, or reopen (D4, S9)."""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.destroying import destroying_fields, reopened_fields
from gpushopper.core.lifecycle.evidence import (
    NO_ABSENCES,
)
from gpushopper.core.lifecycle.gpu_billing import shown_billing
from gpushopper.core.listing.ownership import KnownInstances, is_unconfirmed
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.actions import (
    Action,
    AdoptOrphan,
    ClearAlarm,
    DestroyDuplicate,
    EventDraft,
    RaiseAlarm,
    UpdateAttempt,
)
from gpushopper.core.model.attempt import Attempt, Origin, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.label import Label
from gpushopper.core.model.session import Session
from gpushopper.core.policy import HARD_MAXIMUM_S, Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us, wall_clock_lead
from gpushopper.core.timing.deadline import Deadline


def adopt_orphan(
    recorded: RecordedState, row: Instance, owner: Label, now: ClockSnapshot, policy: Policy
) -> AdoptOrphan:
    """Adopt an instance whose label no attempt has: the database is older. It is not destroyed at once (F50).

    Unless it has outlived the hard maximum that its label names, which shortens what it gets and never lengthens it.
    """
    ends_at = now.wall + us(policy.adopt_duration_s)
    if row.created_at is not None:
        ends_at = min(ends_at, row.created_at + us(HARD_MAXIMUM_S))
    ends_at = max(ends_at, now.wall + us(policy.adopt_min_remaining_s))
    hard_max = row.labelled_hard_max()
    if hard_max is not None:
        # By the slower of two clocks that disagree: a fast one of ours alone must end nothing (I12).
        ends_at = min(ends_at, hard_max + wall_clock_lead(now))
    return AdoptOrphan(recorded.provider, recorded.account, row, owner, Deadline.at(ends_at, now))


def on_unknown_instance(
    recorded: RecordedState,
    labelled: tuple[Attempt, ...],
    row: Instance,
    is_proven: bool,
    now: ClockSnapshot,
    policy: Policy,
    adopted: set[str],
) -> list[Action]:
    """A row that carries the label of attempts which all have another id, or none yet.

    The attempt whose create carried the label takes the id if it has none; otherwise the instance is a duplicate.
    """
    creator = next((a for a in labelled if a.origin is Origin.CREATED), labelled[0])
    if creator.instance_id is None and creator.id not in adopted:
        if creator.state in (State.SENT, State.UNCERTAIN):
            adopted.add(creator.id)
            cleared = (alarms.UNCERTAIN, alarms.POSSIBLE_ORPHAN)
            return [_adopt(creator, row, now), *(ClearAlarm(kind, creator.id) for kind in cleared)]
        if creator.state is State.CLOSED:
            adopted.add(creator.id)
            return [_reopen_late(recorded.sessions[creator.session_id], creator, row, now), *_late_alarm(creator, row)]
        return []
    if not is_proven or any(a.instance_id == row.instance_id for a in labelled):
        return []
    return _duplicate(creator, row, recorded.ids, recorded.duplicates_since.get(row.instance_id), now, policy)


def _adopt(attempt: Attempt, row: Instance, now: ClockSnapshot) -> UpdateAttempt:
    """Take the id: the label proves that the create made it (F1). If the attempt is terminated, destroy it at once."""
    fields: dict[str, Any] = {
        "instance_id": row.instance_id,
        "last_seen_at": now.wall,
        "progress_boot": now.boot,
        "current_rate": row.rate if row.rate is not None else attempt.current_rate,
        **shown_billing(row, attempt.offer.billing, attempt),
    }
    if attempt.is_wanted or attempt.state is State.SENT:
        fields |= {"state": State.BOOTING, "state_changed_at": now.wall, **NO_ABSENCES}
    else:
        fields |= destroying_fields(now)
    return UpdateAttempt(attempt, fields, EventDraft("adopted", f"instance {row.instance_id} found by its label"))


def _reopen_late(session: Session, attempt: Attempt, row: Instance, now: ClockSnapshot) -> UpdateAttempt:
    fields = reopened_fields(attempt, row, now) | {"instance_id": row.instance_id}
    return UpdateAttempt(
        attempt, fields, EventDraft("reopened", f"{session.name}: instance {row.instance_id} appeared late")
    )


def _late_alarm(attempt: Attempt, row: Instance) -> list[Action]:
    text = f"instance {row.instance_id} appeared under the closed label {attempt.label}"
    return [RaiseAlarm.with_hint(alarms.REOPENED, attempt.id, text)]


def _duplicate(
    creator: Attempt, row: Instance, ids: KnownInstances, since: int | None, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Destroy a second instance under one label (S9).

    At once if the attempt is terminated, so that no other attempt starts beside it (F10); else on its second sighting
    and from a minimum age. The alarm comes with the first sighting, whose time stands in for an age that is not shown.
    """
    text = f"a second instance, {row.instance_id}, carries the label {creator.label}"
    alarm = RaiseAlarm.with_hint(alarms.DUPLICATE, row.instance_id, text)
    if creator.is_wanted and is_unconfirmed(creator, ids):
        return []  # a label proves more than a create's answer: which of the two instances is ours is still open
    if creator.is_wanted:
        created_at = row.created_at if row.created_at is not None else since
        if since is None or created_at is None or now.wall - created_at < us(policy.duplicate_min_age_s):
            return [alarm]
    return [DestroyDuplicate(row, creator, alarms.DUPLICATE), alarm]
