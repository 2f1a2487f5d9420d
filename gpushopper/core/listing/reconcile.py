"""Reconciles a list of the account with the recorded state: decides, row by row, whose an instance is and what follows.

Not here: instances that the list lacks (`missing.py`), and whether it is accepted at all (`list_breaker.py`).
"""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core import alarms
from gpushopper.core.lifecycle.destroying import reopened_fields
from gpushopper.core.lifecycle.evidence import (
    ObservedList,
)
from gpushopper.core.lifecycle.sightings import on_sighting
from gpushopper.core.listing import ownership
from gpushopper.core.listing.ownership import (
    CONFIRMED,
    FOREIGN,
    KnownInstances,
    has_label,
    is_contradicted,
    is_unconfirmed,
)
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.listing.uncertain_create import on_complete_list
from gpushopper.core.listing.unknown_instance import adopt_orphan, on_unknown_instance
from gpushopper.core.model.actions import (
    Action,
    ClearAlarm,
    EventDraft,
    RaiseAlarm,
    RecordOwnership,
    Relabel,
    UpdateAttempt,
)
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def reconcile_list(recorded: RecordedState, seen: ObservedList, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """The actions for one list: about each listed instance, and about creates whose outcome is unknown (D4).

    The absence of a known id is not handled here; it needs a by-id read to count (`missing.py`).
    """
    recorded, actions = _drop_wrong_ids(recorded, seen, now)
    adopted: set[str] = set()
    rows = {row.instance_id: row for row in seen.instances}
    for row in sorted(rows.values(), key=lambda r: (len(r.instance_id), r.instance_id)):
        actions += _decide_row(recorded, row, seen.is_complete, now, policy, adopted)
    for attempt in () if recorded.is_copied_home else recorded.open:
        if attempt.state is State.UNCERTAIN and attempt.instance_id is None and attempt.id not in adopted:
            actions += on_complete_list(recorded, attempt, seen, now, policy)
    return actions


def _drop_wrong_ids(
    recorded: RecordedState, seen: ObservedList, now: ClockSnapshot
) -> tuple[RecordedState, list[Action]]:
    """Drop recorded ids that turn out to be other instances; return the recorded state without them (I28)."""
    actions: list[Action] = []
    for row in seen.instances:
        attempt = recorded.by_instance.get(row.instance_id)
        if attempt is None or not is_contradicted(attempt, row, recorded.ids, seen.instances):
            continue
        session = recorded.sessions[attempt.session_id]
        actions += ownership.drop_wrong_id(session, attempt, row, recorded.installation, now)
        is_theirs = ownership.is_foreign(row, recorded.installation)
        recorded = _without_id(recorded, attempt, now, is_theirs=is_theirs)
    for attempt in recorded.open:
        if not recorded.is_copied_home and _has_other_instance(recorded, attempt, seen):
            actions += ownership.drop_missing_id(recorded.sessions[attempt.session_id], attempt, now)
            recorded = _without_id(recorded, attempt, now, is_theirs=False)
    return recorded, actions


def _has_other_instance(recorded: RecordedState, attempt: Attempt, seen: ObservedList) -> bool:
    """Whether the id a create returned is absent by list and by id, and an unrecorded instance carries the label."""
    if attempt.state is not State.MISSING or not attempt.is_wanted or not is_unconfirmed(attempt, recorded.ids):
        return False
    taken = recorded.ids.disowned | recorded.by_instance.keys()
    return seen.proves_absent(attempt.instance_id or "") and any(
        has_label(attempt.label, row) and row.instance_id not in taken for row in seen.instances
    )


def _without_id(recorded: RecordedState, former: Attempt, now: ClockSnapshot, *, is_theirs: bool) -> RecordedState:
    attempt, instance_id = ownership.without_id(former, now), former.instance_id or ""
    return replace(
        recorded,
        open=_swap(recorded.open, attempt),
        by_label={key: _swap(known, attempt) for key, known in recorded.by_label.items()},
        by_instance={key: known for key, known in recorded.by_instance.items() if key != instance_id},
        ids=replace(recorded.ids, disowned=recorded.ids.disowned | {instance_id}) if is_theirs else recorded.ids,
    )


def _swap(attempts: tuple[Attempt, ...], changed: Attempt) -> tuple[Attempt, ...]:
    return tuple(changed if one.id == changed.id else one for one in attempts)


def _decide_row(
    recorded: RecordedState, row: Instance, is_proven: bool, now: ClockSnapshot, policy: Policy, adopted: set[str]
) -> list[Action]:
    known = recorded.by_instance.get(row.instance_id)
    owner = row.owner()
    ours = owner is not None and owner.installation == recorded.installation
    actions: list[Action] = []
    if known is not None:
        if recorded.is_copied_home and known.state is State.CLOSED:
            return []
        actions += _check_label(recorded, known, row, now, policy)
        return actions + _on_known_instance(recorded.sessions[known.session_id], known, row, recorded.ids, now, policy)
    if not ours or owner is None or recorded.is_copied_home:
        return _record_foreign(recorded, row)
    if row.instance_id in recorded.ids.disowned:
        return [ownership.copied_label_alarm(row)]
    if owner.attempt in recorded.elsewhere:
        return _on_label_elsewhere(recorded, recorded.by_label[owner.attempt], row)
    labelled = recorded.by_label.get(owner.attempt, ())
    label = labelled[0].label if labelled else owner.text
    if ownership.is_label_lost(label, row):
        actions.append(Relabel(row.instance_id, label))
    if not labelled:
        if not is_proven:
            return actions  # an adopted attempt stays with its account for ever: only a proven account will do (F45)
        if owner.attempt in adopted:
            return actions  # a second orphan of one label: a duplicate, once the first is recorded
        adopted.add(owner.attempt)
        return [*actions, adopt_orphan(recorded, row, owner, now, policy)]
    return actions + on_unknown_instance(recorded, labelled, row, is_proven, now, policy, adopted)


def _on_label_elsewhere(recorded: RecordedState, made: tuple[Attempt, ...], row: Instance) -> list[Action]:
    """A copied label; of the very instance it is the other account's list that tells whether it has moved."""
    if any(attempt.instance_id == row.instance_id for attempt in made):
        return []
    name = recorded.sessions[made[0].session_id].name
    return [ownership.label_elsewhere_alarm(recorded.provider, row, made[0], name)]


def _record_foreign(recorded: RecordedState, row: Instance) -> list[Action]:
    """Record an instance that is listed with a foreign label: no later label makes it ours (I28)."""
    if row.instance_id in recorded.ids.disowned or not ownership.is_foreign(row, recorded.installation):
        return []
    return [RecordOwnership(recorded.provider, recorded.account, row.instance_id, None, FOREIGN)]


def _check_label(
    recorded: RecordedState, attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Record that a known instance carries its label, write a lost label again, alarm where it was never shown."""
    if not has_label(attempt.label, row):
        age = None if attempt.sent_at is None else now.wall - attempt.sent_at
        is_young = age is None or age < us(policy.unlabelled_alarm_s)
        if row.instance_id in recorded.ids.confirmed or is_young or not attempt.is_open:
            return []
        text = f"{recorded.sessions[attempt.session_id].name}: instance {row.instance_id} does not show our label"
        return [RaiseAlarm.with_hint(alarms.UNLABELLED, attempt.id, text)]
    actions: list[Action] = [ClearAlarm(alarms.UNLABELLED, attempt.id)]
    if row.instance_id not in recorded.ids.confirmed:
        actions.append(RecordOwnership(recorded.provider, recorded.account, row.instance_id, attempt.label, CONFIRMED))
    if ownership.is_label_lost(attempt.label, row):
        actions.append(Relabel(row.instance_id, attempt.label))
    return actions


def _on_known_instance(
    session: Session, attempt: Attempt, row: Instance, ids: KnownInstances, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    if attempt.state is not State.CLOSED:
        return on_sighting(session, attempt, row, now, policy)
    if ownership.is_reused_id(attempt, row, ids):
        return [ownership.wrong_id_alarm(session.name, row.instance_id)]
    text = f"{session.name}: closed instance {row.instance_id} was seen again"
    return [
        UpdateAttempt(attempt, reopened_fields(attempt, row, now), EventDraft("reopened", text)),
        RaiseAlarm.with_hint(alarms.REOPENED, attempt.id, text),
    ]
