"""What a list of the account means for what we hold: adopt, reopen, twin, ghost, uncertain; with its breaker (D4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import (
    NO_ABSENCES,
    ObservedList,
    absence_is_due,
    add_unit,
    awake_after,
    may_close_as_absent,
    probably_ours,
)
from gpushopper.core.lifecycle.sightings import destroying, sighted
from gpushopper.core.listing import ownership
from gpushopper.core.listing.ownership import CONFIRMED, FOREIGN, KnownInstances, carries, is_contradicted, is_doubtable
from gpushopper.core.model.actions import (
    Action,
    AdoptOrphan,
    Change,
    Clear,
    Close,
    DestroyDuplicate,
    Note,
    Raise,
    Record,
    Relabel,
)
from gpushopper.core.model.attempt import Attempt, Origin, ReceiptKind, State
from gpushopper.core.model.instance import Instance, Owner, StatusClass
from gpushopper.core.model.session import Session
from gpushopper.core.policy import HARD_MAXIMUM_S, Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, Deadline, us


@dataclass(frozen=True, slots=True)
class RecordedState:
    """What the database holds about one account, read after the list was in (D4).

    `open` are the open attempts. `by_label` and `by_instance` hold every attempt, open or closed, that a listed row
    names; `sessions` are those of all of them.
    """

    installation: str
    provider: str
    account: str
    open: tuple[Attempt, ...]
    by_label: Mapping[str, tuple[Attempt, ...]]
    by_instance: Mapping[str, Attempt]
    sessions: Mapping[str, Session]
    strangers_since: Mapping[str, int]
    """When each second instance under a label was first seen, wall µs by instance id."""
    is_copy: bool = False
    """A copied or moved home: what is recorded open is looked after, nothing is adopted, swept or concluded (S10)."""
    ids: KnownInstances = field(default_factory=KnownInstances)
    """What is recorded of the listed ids."""


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
            actions += _still_uncertain(held, attempt, seen, now, policy)
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
        return [*actions, _adopt_stray(held, row, owner, now, policy)]
    return actions + _unrecorded(held, labelled, row, is_proven, now, policy, adopted)


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
        return [Raise(alarms.UNLABELLED, attempt.id, text, alarms.HINTS[alarms.UNLABELLED])]
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
        Change(attempt, _reopened(row, now), Note("reopened", text)),
        Raise(alarms.REOPENED, attempt.id, text, alarms.HINTS[alarms.REOPENED]),
    ]


def _reopened(row: Instance, now: ClockSnapshot) -> dict[str, Any]:
    """The columns of a closed attempt whose instance exists: it has billed on since its supposed end."""
    return destroying(now) | {"last_seen_at": now.wall, "is_gpu_billed": row.status is StatusClass.RUNNING}


def _adopt_stray(held: RecordedState, row: Instance, owner: Owner, now: ClockSnapshot, policy: Policy) -> AdoptOrphan:
    """No row knows this label: the database is older than the instance. Never killed at sight (F50)."""
    soon = now.wall + us(policy.adopt_life_s)
    if row.created_at is not None:
        soon = min(soon, row.created_at + us(HARD_MAXIMUM_S))
    deadline = Deadline.at(max(soon, now.wall + us(policy.adopt_notice_s)), now)
    return AdoptOrphan(held.provider, held.account, row, owner.attempt, deadline)


def _unrecorded(
    held: RecordedState,
    labelled: tuple[Attempt, ...],
    row: Instance,
    is_proven: bool,
    now: ClockSnapshot,
    policy: Policy,
    adopted: set[str],
) -> list[Action]:
    """A row that carries the label of attempts which all have another id, or none yet."""
    maker = next((a for a in labelled if a.origin is Origin.CREATED), labelled[0])
    if maker.instance_id is None and maker.id not in adopted:
        if maker.state in (State.SENT, State.UNCERTAIN):
            adopted.add(maker.id)
            doubts = (alarms.UNCERTAIN, alarms.POSSIBLE_ORPHAN)
            return [_adopt(maker, row, now), *(Clear(kind, maker.id) for kind in doubts)]
        if maker.state is State.CLOSED:
            adopted.add(maker.id)
            return [_reopen_late(held.sessions[maker.session_id], maker, row, now), *_late_alarm(maker, row)]
        return []
    if not is_proven or any(a.instance_id == row.instance_id for a in labelled):
        return []
    return _twin(maker, row, held.ids, held.strangers_since.get(row.instance_id), now, policy)


def _adopt(attempt: Attempt, row: Instance, now: ClockSnapshot) -> Change:
    """The label proves the create acted: take the id (F1). Unwanted, it goes straight to its end."""
    sets: dict[str, Any] = {
        "instance_id": row.instance_id,
        "last_seen_at": now.wall,
        "progress_boot": now.boot,
        "current_rate": row.rate if row.rate is not None else attempt.current_rate,
        "is_gpu_billed": row.status is StatusClass.RUNNING,
    }
    if attempt.is_wanted or attempt.state is State.SENT:
        sets |= {"state": State.BOOTING, "state_changed_at": now.wall, **NO_ABSENCES}
    else:
        sets |= destroying(now)
    return Change(attempt, sets, Note("adopted", f"instance {row.instance_id} found by its label"))


def _reopen_late(session: Session, attempt: Attempt, row: Instance, now: ClockSnapshot) -> Change:
    sets = _reopened(row, now) | {"instance_id": row.instance_id}
    return Change(attempt, sets, Note("reopened", f"{session.name}: instance {row.instance_id} appeared late"))


def _late_alarm(attempt: Attempt, row: Instance) -> list[Action]:
    text = f"instance {row.instance_id} appeared under the closed label {attempt.label}"
    return [Raise(alarms.REOPENED, attempt.id, text, alarms.HINTS[alarms.REOPENED])]


def _twin(
    maker: Attempt, row: Instance, ids: KnownInstances, since: int | None, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """A second instance under one label (S9): at once if nobody wants the label, else two passes and a minimum age.

    At once also means: before another attempt could start beside it (F10). The alarm comes with the first sighting,
    and its time is what the age counts from where the row shows none.
    """
    text = f"a second instance, {row.instance_id}, carries the label {maker.label}"
    alarm = Raise(alarms.DUPLICATE, row.instance_id, text, alarms.HINTS[alarms.DUPLICATE])
    if maker.is_wanted and is_doubtable(maker, ids):
        return []  # the label is better proof than the answer of a create: which of the two is ours is still open
    if maker.is_wanted:
        born = row.created_at if row.created_at is not None else since
        if since is None or born is None or now.wall - born < us(policy.orphan_min_age_s):
            return [alarm]
    return [DestroyDuplicate(row, maker, alarms.DUPLICATE), alarm]


# ---- creates whose outcome is unknown


def _still_uncertain(
    held: RecordedState, attempt: Attempt, seen: ObservedList, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """One more good look without the label: time and units towards the absence rule (D6).

    A foreign or contradicted instance that carries the label since is not adopted; it holds the attempt open.
    """
    session = held.sessions[attempt.session_id]
    if not seen.is_whole or attempt.id not in seen.known_before:
        return [Change(attempt, {"last_complete_list_boot": None, **NO_ABSENCES})]
    sets: dict[str, Any] = {
        "settle_elapsed_us": awake_after(attempt, seen.boot, policy),
        "last_complete_list_boot": seen.boot,
    }
    if any(carries(attempt.label, row) for row in seen.instances):
        return [Change(attempt, sets | NO_ABSENCES)]
    suspect = probably_ours(attempt, session.image, ownership.without(seen.instances, held.ids.disowned))
    if suspect is not None:
        text = f"{session.name}: instance {suspect.instance_id} carries no label and is probably yours"
        hint = alarms.HINTS[alarms.POSSIBLE_ORPHAN]
        return [Change(attempt, sets | NO_ABSENCES), Raise(alarms.POSSIBLE_ORPHAN, attempt.id, text, hint)]
    settled = sets["settle_elapsed_us"] >= us(policy.settle_s)
    if settled and absence_is_due(attempt, seen.boot, policy.absence_spacing_s):
        sets |= add_unit(attempt, seen.boot)
    return [Change(attempt, sets), Clear(alarms.POSSIBLE_ORPHAN, attempt.id)]


def close_if_absent(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """Close an uncertain attempt once the absence rule holds; a late arrival is the sweep's (D6)."""
    if attempt.state is not State.UNCERTAIN or attempt.instance_id or not may_close_as_absent(attempt, policy):
        return []
    evidence = {"lists": attempt.absence_count, "awake_s": attempt.settle_elapsed_us // us(1)}
    ended_at = attempt.sent_at if attempt.sent_at is not None else now.wall
    return [Close(attempt, ReceiptKind.ABSENT, attempt.reason or "create_not_found", ended_at, evidence)]
