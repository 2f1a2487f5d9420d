"""Decides whose an instance is by its label: ours, foreign, or not the one its create returned (I3, I28, F12).

A create may be answered with an id that it did not make. An id is therefore confirmed only once a row of it has
carried the attempt's label, or once the session was ready. Until then a row with another text or another label
contradicts it: the attempt drops the id and is uncertain again, to be resolved by its label. An empty label says
nothing either way, and a label that was cut or altered on its way counts as empty.

What is known of an id is recorded for good, in the table `known_instances`: `CONFIRMED` by a row with our label,
`FOREIGN` when it was listed with a foreign label, `DISOWNED` when a create or an attempt wrongly claimed one that was
listed before, belongs to another session or shows a foreign text. No later label makes a foreign or disowned id ours:
nothing is adopted, destroyed or labelled by it. The other way round, a confirmed id stays ours whatever a person
writes into its label.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.model.actions import EventDraft, RaiseAlarm, RecordOwnership, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.label import label_beginnings, parse_label
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot

CONFIRMED, FOREIGN, DISOWNED = "confirmed", "foreign", "disowned"

UNCONFIRMED_STATES = frozenset({State.BOOTING, State.MISSING, State.DESTROYING})
"""The states in which an attempt may have an id that is not confirmed yet."""

MIN_CUT_LABEL_LENGTH = 20
"""Characters that a cut label must still have: its beginning is the same for all attempts of an installation."""


@dataclass(frozen=True, slots=True)
class KnownInstances:
    """What is recorded of the ids of one account."""

    confirmed: frozenset[str] = frozenset()
    disowned: frozenset[str] = frozenset()
    """Foreign ones and disowned ones."""


def has_label(label: str, row: Instance) -> bool:
    """Whether the row carries this attempt's label; its first valid one counts (S4).

    A hard maximum other than the recorded one does not make it another's: it was edited, and the record counts.
    """
    owner = row.owner()
    return owner is not None and owner.is_same_attempt(parse_label(label))


def is_label_lost(label: str, row: Instance) -> bool:
    """Whether the label field of an attempt's instance is empty, or names another hard maximum or version (S4).

    It is written again as recorded then. Any other text is a person's, and stays.
    """
    return not row.label or (row.label != label and parse_label(row.label) is not None)


def is_labelled_by(row: Instance, installation: str) -> bool:
    """Whether the row carries a label of this installation, whichever attempt's."""
    owner = row.owner()
    return owner is not None and owner.installation == installation


def _is_damaged_label(label: str, text: str) -> bool:
    """Whether a text is this label as a provider may have cut it, extended it or changed its case."""
    plain = text.strip().lower()
    return plain.startswith(label) or (len(plain) >= MIN_CUT_LABEL_LENGTH and label.startswith(plain))


def has_other_label(label: str, row: Instance) -> bool:
    """Whether the row carries another text: neither this label, nor none, nor a damaged form of it."""
    if has_label(label, row):
        return False
    return any(not _is_damaged_label(label, text) for text in row.label_texts)


def is_foreign(row: Instance, installation: str) -> bool:
    """Whether a row of no known id carries a text that is neither a label of ours nor a damaged one."""
    owner = row.owner()
    if owner is not None:
        return owner.installation != installation
    ours = label_beginnings(installation)
    return any(not text.strip().lower().startswith(ours) for text in row.label_texts)


def is_unconfirmed(attempt: Attempt, known: KnownInstances) -> bool:
    """Whether the attempt's id comes from a create's answer alone."""
    return (
        attempt.instance_id is not None
        and attempt.instance_id not in known.confirmed
        and attempt.ready_at is None
        and attempt.state in UNCONFIRMED_STATES
    )


def is_contradicted(attempt: Attempt, row: Instance, known: KnownInstances, rows: Iterable[Instance] = ()) -> bool:
    """Whether the row of an attempt's id shows that its create did not make it.

    A row without a label does so only if another row (of `rows`) carries the attempt's label.
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
    """Whether the id of a closed attempt, never confirmed, is now shown with another label."""
    is_confirmed = attempt.instance_id in known.confirmed or attempt.ready_at is not None
    return not is_confirmed and has_other_label(attempt.label, row)


def _fields_without_id(now: ClockSnapshot) -> dict[str, Any]:
    """The fields that make an attempt uncertain again: without the id, and without all that its instance showed."""
    return {
        "state": State.UNCERTAIN,
        "state_changed_at": now.wall,
        "instance_id": None,
        "is_gpu_billed": False,
        "is_storage_billed": True,
        "is_running": False,
        "current_rate": None,
        "provider_status": "",
        "progress": "",
        "progress_boot": now.boot,
        "ssh_host": None,
        "ssh_port": None,
        "ssh_user": None,
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
        "received_bytes": None,
        "sent_bytes": None,
        "unbooked_traffic": 0,
        "hidden": (),
        **NO_ABSENCES,
    }


def drop_wrong_id(
    session: Session, attempt: Attempt, row: Instance, installation: str, now: ClockSnapshot
) -> list[UpdateAttempt | RecordOwnership | RaiseAlarm]:
    """Drop the id: the attempt is uncertain again, and its own instance, if there is one, is found by its label.

    The id is disowned if the row is foreign. Not if it carries the label of another attempt of this installation, which
    owns it then; nor if it shows no label: should it show ours later, the create made two, and it is a duplicate (S9).
    """
    event = EventDraft("uncertain", f"instance {row.instance_id} is not the one that its create made")
    actions: list[UpdateAttempt | RecordOwnership | RaiseAlarm] = [
        UpdateAttempt(attempt, _fields_without_id(now), event)
    ]
    if is_labelled_by(row, installation):
        return [*actions, wrong_id_alarm(session.name, row.instance_id, "which belongs to another session")]
    if not is_foreign(row, installation):
        return [*actions, wrong_id_alarm(session.name, row.instance_id, "which does not show our label")]
    record = RecordOwnership(attempt.provider, attempt.account, row.instance_id, None, DISOWNED)
    return [record, *actions, wrong_id_alarm(session.name, row.instance_id)]


def drop_missing_id(session: Session, attempt: Attempt, now: ClockSnapshot) -> list[UpdateAttempt | RaiseAlarm]:
    """Drop an id that neither list nor read shows while another instance carries the label.

    It is not disowned: a later row of it with the label is a duplicate (S9).
    """
    instance_id = attempt.instance_id or ""
    event = EventDraft("uncertain", f"instance {instance_id} is not listed, and another one carries its label")
    why = "which is not listed, while another one carries its label"
    return [UpdateAttempt(attempt, _fields_without_id(now), event), wrong_id_alarm(session.name, instance_id, why)]


def without_id(attempt: Attempt, now: ClockSnapshot) -> Attempt:
    """The attempt as `drop_wrong_id` and `drop_missing_id` leave it."""
    return replace(attempt, **_fields_without_id(now))


def wrong_id_alarm(name: str, instance_id: str, why: str = "which is not ours") -> RaiseAlarm:
    """The alarm about an id that a create returned wrongly."""
    text = f"{name}: the create was answered with instance {instance_id}, {why}: it is not touched"
    return RaiseAlarm.with_hint(alarms.WRONG_INSTANCE_ID, instance_id, text)


def copied_label_alarm(row: Instance) -> RaiseAlarm:
    """The alarm about a foreign instance that now carries one of our labels."""
    text = f"instance {row.instance_id} is foreign and now carries one of our labels: it is not touched"
    return RaiseAlarm.with_hint(alarms.WRONG_INSTANCE_ID, row.instance_id, text)


def label_elsewhere_alarm(provider: str, row: Instance, attempt: Attempt, session: str) -> RaiseAlarm:
    """The alarm about an instance with the label of an attempt that was made at another account or cloud."""
    at = f"was made at {attempt.provider}" if attempt.provider != provider else "was made at another account"
    text = f"{provider}: instance {row.instance_id} carries the label of {session}, which {at}: it is not touched"
    return RaiseAlarm.with_hint(alarms.WRONG_INSTANCE_ID, row.instance_id, text)


def moved_alarm(session: str, attempt: Attempt, now_at: str) -> RaiseAlarm:
    """The alarm about an instance that its account does not show any more, and another account of the cloud does."""
    text = f"{session}: instance {attempt.instance_id} is not at {attempt.provider} any more: it bills on at {now_at}"
    return RaiseAlarm.with_hint(alarms.WRONG_INSTANCE_ID, attempt.instance_id or "", text)


def without(rows: Iterable[Instance], ids: Collection[str]) -> tuple[Instance, ...]:
    """The rows of all other ids."""
    return tuple(row for row in rows if row.instance_id not in ids)
