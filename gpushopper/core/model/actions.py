"""What the rules may ask for: values that engine/transaction.py carries out, each group in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.timing.deadline import Deadline


@dataclass(frozen=True, slots=True)
class EventDraft:
    """The event written together with a change."""

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateAttempt:
    """Set columns of one attempt; a state among them must be an allowed transition."""

    attempt: Attempt
    fields: Mapping[str, Any]
    event: EventDraft | None = None


@dataclass(frozen=True, slots=True)
class TerminateAttempt:
    """Make one attempt unwanted, for a reason; what that means depends on its state (lifecycle.unwanted)."""

    attempt: Attempt
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class EndSession:
    """Make a session and all its attempts unwanted, for a reason."""

    session: Session
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Prepare the session's next attempt on this offer; `skip` offers of the shortlist are used up by it."""

    session: Session
    offer: Offer
    shortlist: tuple[Offer, ...]
    uses_retry: bool


@dataclass(frozen=True, slots=True)
class CloseAttempt:
    """CloseAttempt an attempt with evidence of this kind (I5)."""

    attempt: Attempt
    kind: str
    reason: str
    ended_at: int
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AdoptOrphan:
    """Take in an instance that carries our label but has no row: the database was lost or restored (F50)."""

    provider: str
    account: str
    instance: Instance
    attempt_id: str
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class DestroyDuplicate:
    """RecordOwnership another instance under a known label as a row of its own, to be destroyed (S9)."""

    instance: Instance
    duplicate_of: Attempt
    reason: str


@dataclass(frozen=True, slots=True)
class Relabel:
    """Ask the provider to write the label again; the other carrier proved whose it is (S4)."""

    instance_id: str
    label: str


@dataclass(frozen=True, slots=True)
class RecordOwnership:
    """Keep for good what was learnt of an instance id (core/listing/ownership.py).

    `label` is ours where it has carried it.
    """

    provider: str
    account: str
    instance_id: str
    label: str | None
    ownership: str


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Open an alarm, or keep it open (I30)."""

    kind: str
    subject: str
    text: str
    hint: str = ""

    @classmethod
    def with_hint(cls, kind: str, subject: str, text: str) -> RaiseAlarm:
        """The alarm with the hint of its kind (core/alarms.py)."""
        return cls(kind, subject, text, alarms.HINTS[kind])


@dataclass(frozen=True, slots=True)
class ClearAlarm:
    """The evidence against it is in: the alarm ends by itself."""

    kind: str
    subject: str


Action = (
    UpdateAttempt
    | TerminateAttempt
    | EndSession
    | StartAttempt
    | CloseAttempt
    | AdoptOrphan
    | DestroyDuplicate
    | Relabel
    | RecordOwnership
    | RaiseAlarm
    | ClearAlarm
)
