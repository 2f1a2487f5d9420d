"""Whose an instance is: what its row's label says for or against the id that an attempt has recorded (I3, I28, F12).

A create may be answered with an id that it did not make. An id is therefore believed for good only once a row of it
has carried the attempt's label, or once the session was handed over. Until then a row that has_label another text or
another label contradicts it: the attempt gives the id up and is uncertain again, to be resolved by its label. An empty
label says nothing either way, and a label that was cut or altered on its way counts as empty.

What was learnt of an id is recorded for good, in the table `known_instances`: `CONFIRMED` by a row with our label,
`FOREIGN` when it was listed with somebody else's, `DISOWNED` when a create or an attempt wrongly claimed one that
was listed before, belongs to another session or shows somebody else's text. No
later label makes a foreign or contradicted id ours: nothing is adopted, destroyed or labelled by it. The other way
round, a confirmed id stays ours whatever a person writes into its label.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.model.actions import EventDraft, RaiseAlarm, RecordOwnership, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance, make_label
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot

CONFIRMED, FOREIGN, DISOWNED = "confirmed", "foreign", "disowned"

UNCONFIRMED_STATES = frozenset({State.BOOTING, State.MISSING, State.DESTROYING})
"""The states in which an attempt may hold an id that no proof has confirmed yet."""

MIN_CUT_LABEL_LENGTH = 20
"""Characters of our label that a cut one must still have: its head is the same for all attempts of an installation."""


@dataclass(frozen=True, slots=True)
class KnownInstances:
    """What is recorded of the ids of one account."""

    confirmed: frozenset[str] = frozenset()
    disowned: frozenset[str] = frozenset()
    """Foreign ones and contradicted ones."""


def has_label(label: str, row: Instance) -> bool:
    """Whether either carrier of the row is exactly this label; the label wins over the variable (S4)."""
    owner = row.owner()
    return owner is not None and make_label(owner.installation, owner.attempt) == label


def is_labelled_by(row: Instance, installation: str) -> bool:
    """Whether the row has_label a label of this installation, whichever attempt's."""
    owner = row.owner()
    return owner is not None and owner.installation == installation


def _is_damaged_label(label: str, text: str) -> bool:
    """Whether a text is what is left of this label when a provider cuts it, extends it or changes its case."""
    plain = text.strip().lower()
    return plain.startswith(label) or (len(plain) >= MIN_CUT_LABEL_LENGTH and label.startswith(plain))


def has_other_label(label: str, row: Instance) -> bool:
    """Whether the row has_label a text of its own: neither this label, nor nothing, nor what is left of it."""
    if has_label(label, row):
        return False
    return any(text and not _is_damaged_label(label, text) for text in (row.label, row.env_label))


def is_foreign(row: Instance, installation: str) -> bool:
    """Whether a row of no known id has_label a text that is not ours, nor what is left of one of ours."""
    owner = row.owner()
    if owner is not None:
        return owner.installation != installation
    head = f"gs1-{installation}-"
    return any(text and not text.strip().lower().startswith(head) for text in (row.label, row.env_label))


def is_unconfirmed(attempt: Attempt, known: KnownInstances) -> bool:
    """Whether the attempt's id is so far only what a create's answer said."""
    return (
        attempt.instance_id is not None
        and attempt.instance_id not in known.confirmed
        and attempt.ready_at is None
        and attempt.state in UNCONFIRMED_STATES
    )


def is_contradicted(attempt: Attempt, row: Instance, known: KnownInstances, rows: Iterable[Instance] = ()) -> bool:
    """Whether the row of an attempt's id shows that its create did not make it.

    A row that says nothing is one only beside another row (of `rows`) that has_label the attempt's label.
    """
    if not is_unconfirmed(attempt, known) or has_label(attempt.label, row):
        return False
    if attempt.instance_id in known.disowned or has_other_label(attempt.label, row):
        return True
    return any(
        has_label(attempt.label, other) and other.instance_id not in known.disowned
        for other in rows
        if other.instance_id != row.instance_id
    )


def is_reused_id(attempt: Attempt, row: Instance, known: KnownInstances) -> bool:
    """Whether the id of a closed attempt, which nothing ever confirmed, is now shown with somebody else's label."""
    is_proven = attempt.instance_id in known.confirmed or attempt.ready_at is not None
    return not is_proven and has_other_label(attempt.label, row)


def _fields_without_id(now: ClockSnapshot) -> dict[str, Any]:
    """The columns of an attempt without its id: all that it learnt from that instance goes with it."""
    return {
        "state": State.UNCERTAIN,
        "state_changed_at": now.wall,
        "instance_id": None,
        "is_gpu_billed": False,
        "current_rate": None,
        "provider_status": "",
        "progress": "",
        "progress_boot": now.boot,
        "ssh_host": None,
        "ssh_port": None,
        "missing_at": None,
        "off_at": None,
        "probe_error": "",
        "heartbeat_at": None,
        "unreachable_since": None,
        "first_login_boot": None,
        "settle_elapsed_us": 0,
        "last_complete_list_boot": None,
        "last_seen_at": None,
        "destroy_count": 0,
        "destroy_acknowledged": False,
        "last_destroy_boot": None,
        "next_destroy_boot": None,
        **NO_ABSENCES,
    }


def drop_wrong_id(
    session: Session, attempt: Attempt, row: Instance, installation: str, now: ClockSnapshot
) -> list[UpdateAttempt | RecordOwnership | RaiseAlarm]:
    """The attempt is uncertain again: its own instance, if there is one, is found by its label.

    An instance with the label of another attempt of this installation is that attempt's, and is not disowned. Nor is
    one that shows no label: should it show ours later, the create made two, and it is a twin (S9).
    """
    note = EventDraft("uncertain", f"instance {row.instance_id} is not the one that was asked for")
    actions: list[UpdateAttempt | RecordOwnership | RaiseAlarm] = [
        UpdateAttempt(attempt, _fields_without_id(now), note)
    ]
    if is_labelled_by(row, installation):
        return [*actions, wrong_id_alarm(session.name, row.instance_id, "which belongs to another session")]
    if not is_foreign(row, installation):
        return [*actions, wrong_id_alarm(session.name, row.instance_id, "which does not show our label")]
    record = RecordOwnership(attempt.provider, attempt.account, row.instance_id, None, DISOWNED)
    return [record, *actions, wrong_id_alarm(session.name, row.instance_id)]


def drop_missing_id(session: Session, attempt: Attempt, now: ClockSnapshot) -> list[UpdateAttempt | RaiseAlarm]:
    """As `drop_wrong_id`, of an id that neither list nor read shows while another instance has_label the label.

    It is not disowned: a late row of it that shows the label is a twin (S9).
    """
    instance_id = attempt.instance_id or ""
    note = EventDraft("uncertain", f"instance {instance_id} is not there, and another one has_label its label")
    why = "which is not there, while another one has_label its label"
    return [UpdateAttempt(attempt, _fields_without_id(now), note), wrong_id_alarm(session.name, instance_id, why)]


def without_id(attempt: Attempt, now: ClockSnapshot) -> Attempt:
    """The attempt as `drop_wrong_id` leaves it."""
    return replace(attempt, **_fields_without_id(now))


def wrong_id_alarm(name: str, instance_id: str, why: str = "which is not ours") -> RaiseAlarm:
    """The alarm about an id that a create wrongly answered."""
    text = f"{name}: the create was answered with instance {instance_id}, {why}: it is left alone"
    return RaiseAlarm.with_hint(alarms.WRONG_INSTANCE_ID, instance_id, text)


def copied_label_alarm(row: Instance) -> RaiseAlarm:
    """The alarm about a foreign instance that now has_label one of our labels."""
    text = f"instance {row.instance_id} was somebody else's and now has_label one of our labels: it is left alone"
    return RaiseAlarm.with_hint(alarms.WRONG_INSTANCE_ID, row.instance_id, text)


def without(rows: Iterable[Instance], ids: Collection[str]) -> tuple[Instance, ...]:
    """The rows of all other ids."""
    return tuple(row for row in rows if row.instance_id not in ids)
