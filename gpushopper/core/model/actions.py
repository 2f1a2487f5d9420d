"""Actions: the values that rules return, which `engine/transaction.py` carries out, each group in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.label import Label
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.core.timing.deadline import Deadline


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event to be written, with or without a change of an attempt."""

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateAttempt:
    """Set fields of one attempt; a state among them must be an allowed transition (`model/attempt.py`)."""

    attempt: Attempt
    fields: Mapping[str, Any]
    event: EventDraft | None = None


@dataclass(frozen=True, slots=True)
class TerminateAttempt:
    """Set one attempt's desired state to terminated (`terminate_fields` in `core/lifecycle/destroying.py`)."""

    attempt: Attempt
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class EndSession:
    """Set the desired state of a session and of all its attempts to terminated."""

    session: Session
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One offer that the next attempt may take, and what it would be made with.

    `account` is the id of its account; `image` what it would run; `at` our clocks with its cloud's date. `shortlist`
    are the offers that remain for later attempts if this one is taken.
    """

    offer: Offer
    account: str
    image: str
    at: ClockSnapshot
    shortlist: tuple[Offer, ...]
    uses_retry: bool


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """Change columns of one session. `event` is recorded in the same transaction."""

    session: Session
    fields: Mapping[str, Any]
    event: EventDraft | None = None


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Prepare the session's next attempt on the first of these offers that its account's balance covers.

    `passed_over` are the accounts that were not chosen although their offers come first, each with the reason.
    """

    session: Session
    choices: tuple[Choice, ...]
    passed_over: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CloseAttempt:
    """Close an attempt with evidence of this kind (I5)."""

    attempt: Attempt
    kind: str
    reason: str
    ended_at: int
    evidence: Mapping[str, Any]
    storage_ended_at: int | None = None
    """Until when its disk has billed, where that outlived the instance; None: until `ended_at`."""


@dataclass(frozen=True, slots=True)
class BillDiskAlone:
    """The instance is off and its disk is left: from `off_at` on the disk alone bills (F131)."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class AdoptOrphan:
    """Adopt an instance that carries our label but has no row: the database was lost or restored (F50)."""

    provider: str
    account: str
    instance: Instance
    label: Label
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class DestroyDuplicate:
    """Record another instance under a known label as a row of its own, to be destroyed (S9)."""

    instance: Instance
    duplicate_of: Attempt
    reason: str


@dataclass(frozen=True, slots=True)
class Relabel:
    """Ask the provider to set the label again; the other carrier, or another form of it, proved whose it is (S4)."""

    instance_id: str
    label: str


@dataclass(frozen=True, slots=True)
class RecordOwnership:
    """Record for good whose an instance id is (`core/listing/ownership.py`).

    `label` is the label of ours that it has carried, if any.
    """

    provider: str
    account: str
    instance_id: str
    label: str | None
    ownership: str


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Open an alarm, or keep it open (I30). `subject` is what it is about: an attempt, a session, an account."""

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
    """Clear an alarm: its condition no longer holds."""

    kind: str
    subject: str


Action = (
    UpdateAttempt
    | UpdateSession
    | TerminateAttempt
    | EndSession
    | StartAttempt
    | CloseAttempt
    | BillDiskAlone
    | AdoptOrphan
    | DestroyDuplicate
    | Relabel
    | RecordOwnership
    | RaiseAlarm
    | ClearAlarm
)
