"""What a list of the account means for what we hold: adopt, reopen, twin, ghost, uncertain; with its breaker (D4)."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core import alarms
from gpushopper.core.lifecycle.destroying import reopened
from gpushopper.core.lifecycle.evidence import (
    ObservedList,
)
from gpushopper.core.lifecycle.sightings import sighted
from gpushopper.core.listing import ownership
from gpushopper.core.listing.ownership import CONFIRMED, FOREIGN, KnownInstances, carries, is_contradicted, is_doubtable
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.listing.uncertain_create import on_complete_list
from gpushopper.core.listing.unknown_instance import adopt_orphan, on_unknown_instance
from gpushopper.core.model.actions import (
    Action,
    Change,
    Clear,
    Note,
    Raise,
    Record,
    Relabel,
)
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def decide_listing(held: RecordedState, seen: ObservedList, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """Everything one list says about presence, and about creates whose outcome is unknown.

    Absence of a known id is only noted here (`absentees`); it needs a by-id read to count.
    """
    held, actions = _give_up_contradicted(held, seen, now)
    adopted: set[str] = set()
    rows = {row.instance_id: row for row in seen.instances}
    for row in sorted(rows.values(), key=lambda r: (len(r.instance_id), r.instance_id)):
        actions += _decide_row(held, row, seen.is_whole, now, policy, adopted)
    for attempt in () if held.is_copy else held.open:
        if attempt.state is State.UNCERTAIN and attempt.instance_id is None and attempt.id not in adopted:
            actions += on_complete_list(held, attempt, seen, now, policy)
    return actions


def _give_up_contradicted(
    held: RecordedState, seen: ObservedList, now: ClockSnapshot
) -> tuple[RecordedState, list[Action]]:
    """Take back the ids whose rows are another instance's; the rest of the list is judged without them (I28)."""
    actions: list[Action] = []
    for row in seen.instances:
        attempt = held.by_instance.get(row.instance_id)
        if attempt is None or not is_contradicted(attempt, row, held.ids, seen.instances):
            continue
        session = held.sessions[attempt.session_id]
        actions += ownership.give_up_id(session, attempt, row, held.installation, now)
        is_theirs = ownership.is_somebody_elses(row, held.installation)
        held = _without_id(held, attempt, now, is_theirs=is_theirs)
    for attempt in held.open:
        if not held.is_copy and _is_elsewhere(held, attempt, seen):
            actions += ownership.give_up_unseen(held.sessions[attempt.session_id], attempt, now)
            held = _without_id(held, attempt, now, is_theirs=False)
    return held, actions


def _is_elsewhere(held: RecordedState, attempt: Attempt, seen: ObservedList) -> bool:
    """Whether the answered id is shown neither by list nor by id, and an instance that nobody holds has the label."""
    if attempt.state is not State.MISSING or not attempt.is_wanted or not is_doubtable(attempt, held.ids):
        return False
    taken = held.ids.disowned | held.by_instance.keys()
    return seen.lacks(attempt.instance_id or "") and any(
        carries(attempt.label, row) and row.instance_id not in taken for row in seen.instances
    )


def _without_id(held: RecordedState, former: Attempt, now: ClockSnapshot, *, is_theirs: bool) -> RecordedState:
    attempt, instance_id = ownership.without_id(former, now), former.instance_id or ""
    return replace(
        held,
        open=_swap(held.open, attempt),
        by_label={key: _swap(known, attempt) for key, known in held.by_label.items()},
        by_instance={key: known for key, known in held.by_instance.items() if key != instance_id},
        ids=replace(held.ids, disowned=held.ids.disowned | {instance_id}) if is_theirs else held.ids,
    )


def _swap(attempts: tuple[Attempt, ...], changed: Attempt) -> tuple[Attempt, ...]:
    return tuple(changed if one.id == changed.id else one for one in attempts)


def _decide_row(
    held: RecordedState, row: Instance, is_proven: bool, now: ClockSnapshot, policy: Policy, adopted: set[str]
) -> list[Action]:
    known = held.by_instance.get(row.instance_id)
    owner = row.owner()
    ours = owner is not None and owner.installation == held.installation
    actions: list[Action] = []
    if known is not None:
        if held.is_copy and known.state is State.CLOSED:
            return []
        actions += _about_label(held, known, row, now, policy)
        return actions + _known(held.sessions[known.session_id], known, row, held.ids, now, policy)
    if not ours or owner is None or held.is_copy:
        return _note_foreign(held, row)
    if row.instance_id in held.ids.disowned:
        return [ownership.copied_label(row)]
    if not row.label and row.env_label:
        actions.append(Relabel(row.instance_id, row.env_label))
    labelled = held.by_label.get(owner.attempt, ())
    if not labelled:
        if not is_proven:
            return actions  # a new row is bound to its account for ever: only a proven one will do (F45)
        if owner.attempt in adopted:
            return actions  # a second stray of one label: a twin, once the first has a row
        adopted.add(owner.attempt)
        return [*actions, adopt_orphan(held, row, owner, now, policy)]
    return actions + on_unknown_instance(held, labelled, row, is_proven, now, policy, adopted)


def _note_foreign(held: RecordedState, row: Instance) -> list[Action]:
    """Remember who was listed with somebody else's label: no label makes it ours later (I28)."""
    if row.instance_id in held.ids.disowned or not ownership.is_somebody_elses(row, held.installation):
        return []
    return [Record(held.provider, held.account, row.instance_id, None, FOREIGN)]


def _about_label(
    held: RecordedState, attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Record that a known instance carries its label, write a lost one again, and tell of one that never showed."""
    if not carries(attempt.label, row):
        age = None if attempt.sent_at is None else now.wall - attempt.sent_at
        is_young = age is None or age < us(policy.label_wait_s)
        if row.instance_id in held.ids.confirmed or is_young or not attempt.is_open:
            return []
        text = f"{held.sessions[attempt.session_id].name}: instance {row.instance_id} does not show our label"
        return [Raise.with_hint(alarms.UNLABELLED, attempt.id, text)]
    actions: list[Action] = [Clear(alarms.UNLABELLED, attempt.id)]
    if row.instance_id not in held.ids.confirmed:
        actions.append(Record(held.provider, held.account, row.instance_id, attempt.label, CONFIRMED))
    if not row.label:
        actions.append(Relabel(row.instance_id, attempt.label))
    return actions


def _known(
    session: Session, attempt: Attempt, row: Instance, ids: KnownInstances, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    if attempt.state is not State.CLOSED:
        return sighted(session, attempt, row, now, policy)
    if ownership.is_another_by_now(attempt, row, ids):
        return [ownership.contradiction(session.name, row.instance_id)]
    text = f"{session.name}: closed instance {row.instance_id} was seen again"
    return [
        Change(attempt, reopened(row, now), Note("reopened", text)),
        Raise.with_hint(alarms.REOPENED, attempt.id, text),
    ]
