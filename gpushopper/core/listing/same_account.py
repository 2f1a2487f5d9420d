"""Decides whether a key is of the account that holds our instances, where the cloud tells no account id (F45).

Identity belongs to the key that made an instance. Another key is of the same account once that is proven: by a row with
a recorded id and our label, by the recorded id of our mark, or by the user's word. Until then it shows presence and may
destroy; its absences prove nothing, and nothing is rented with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gpushopper.core import alarms
from gpushopper.core.listing.ownership import CONFIRMED, FOREIGN, has_label, is_labelled_by
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm, RecordOwnership, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance

UNPROVEN = "unproven"
"""Ownership of an id that was taken by its label under a key that was not proven: that id cannot prove the key."""

FIRST_KEY, BY_ROW, BY_MARK, BY_USER = "first key", "row", "mark", "user"
"""How a key was proven to be of an account."""


def accounts_of(recorded: Sequence[tuple[str, str]], key: str) -> frozenset[str]:
    """The accounts that a key is proven to be of: also through keys that two of them share.

    `recorded` are pairs of account and key. The empty key is never known.
    """
    if not key:
        return frozenset()
    keys, accounts = {key}, set[str]()
    while True:
        accounts_now = {account for account, other in recorded if other in keys}
        keys_now = keys | {other for account, other in recorded if account in accounts_now}
        if accounts_now == accounts and keys_now == keys:
            return frozenset(accounts)
        accounts, keys = accounts_now, keys_now


def proven_by_rows(
    rows: Iterable[Instance], attempts: Iterable[Attempt], ownership: Mapping[tuple[str, str], str]
) -> set[str]:
    """The accounts of attempts whose recorded id a row shows together with their label.

    `ownership` is what is recorded of ids, by account and id.
    """
    held = {attempt.instance_id: attempt for attempt in attempts if attempt.instance_id is not None}
    return {
        attempt.account
        for row in rows
        if (attempt := held.get(row.instance_id)) is not None
        and has_label(attempt.label, row)
        and ownership.get((attempt.account, row.instance_id)) != UNPROVEN
    }


def own_rows(rows: Iterable[Instance], installation: str, opened: Iterable[Attempt]) -> tuple[Instance, ...]:
    """What the list of an unproven account shows of ours: without our label, an id may be another organisation's.

    Also open attempts with a label of a former id of this installation, where id and label are both recorded.
    """
    held = {attempt.instance_id: attempt.label for attempt in opened if attempt.instance_id is not None}

    def is_recorded(row: Instance) -> bool:
        return row.instance_id in held and has_label(held[row.instance_id], row)

    return tuple(row for row in rows if is_labelled_by(row, installation) or is_recorded(row))


def as_unproven(actions: Iterable[Action]) -> list[Action]:
    """The actions for the list of an unproven account: an id that is taken by its label confirms nothing.

    Nor is anything foreign there: only what may be ours is looked at.
    """
    kept: list[Action] = []
    for action in actions:
        if isinstance(action, RecordOwnership) and action.ownership in (CONFIRMED, FOREIGN):
            continue
        kept.append(action)
        if isinstance(action, UpdateAttempt) and action.attempt.instance_id is None:
            taken, of = action.fields.get("instance_id"), action.attempt
            if taken is not None:
                kept.append(RecordOwnership(of.provider, of.account, taken, of.label, UNPROVEN))
    return kept


def unproven_alarm(name: str, attempts: Iterable[Attempt], names: Mapping[str, str]) -> RaiseAlarm:
    """The alarm that names what may still bill; `names` are the sessions' by id."""
    held = "; ".join(_what(attempt, names) for attempt in attempts if attempt.state is not State.PREPARED)
    text = f"{name}: this key is not proven to be of the account that holds your sessions"
    return RaiseAlarm.with_hint(alarms.ACCOUNT_UNPROVEN, name, f"{text}; may still bill: {held}" if held else text)


def _what(attempt: Attempt, names: Mapping[str, str]) -> str:
    name = names.get(attempt.session_id, attempt.session_id)
    return f"{name} ({'create uncertain' if attempt.instance_id is None else f'instance {attempt.instance_id}'})"


@dataclass(frozen=True, slots=True)
class SeenAccount:
    """What a named account has shown of itself in this process; empty where nothing is known."""

    cloud: str
    key_digest: str = ""
    account_id: str = ""
    """As the cloud told it."""
    marks: frozenset[str] = frozenset()
    """Marks of ours, whichever name registered them."""
    instance_ids: frozenset[str] = frozenset()
    """Of its last list."""


def same_as(name: str, seen: Mapping[str, SeenAccount]) -> str:
    """The other name of the same account; empty where there is none.

    Proven by the told id, one key, our mark, or an instance that both lists show.
    """
    own = seen.get(name)
    if own is None:
        return ""
    return next((other for other, each in list(seen.items()) if other != name and _is_same(own, each)), "")


def shown_elsewhere(name: str, same: str, seen: Mapping[str, SeenAccount]) -> dict[str, str]:
    """The ids in the last lists of the cloud's other accounts, and whose; `same` is another name for this one."""
    own = seen.get(name)
    others = {other: each for other, each in list(seen.items()) if other not in (name, same)}
    return {
        instance_id: other
        for other, each in others.items()
        if own is not None and each.cloud == own.cloud
        for instance_id in each.instance_ids
    }


def _is_same(one: SeenAccount, other: SeenAccount) -> bool:
    if one.cloud != other.cloud:
        return False
    pairs = ((one.account_id, other.account_id), (one.key_digest, other.key_digest))
    shared = one.marks & other.marks | one.instance_ids & other.instance_ids
    return bool(shared) or any(first and first == second for first, second in pairs)


def same_account_alarms(cloud: str, clouds: Mapping[str, str], seen: Mapping[str, SeenAccount]) -> list[Action]:
    """For each account of the cloud the alarm about another name for it, or its end; `clouds` are by account."""
    return [_same_account_alarm(name, same_as(name, seen)) for name, at in list(clouds.items()) if at == cloud]


def _same_account_alarm(name: str, other: str) -> Action:
    if not other:
        return ClearAlarm(alarms.SAME_ACCOUNT, name)
    text = f"{name} and {other} are one account: nothing is rented or adopted on either"
    return RaiseAlarm.with_hint(alarms.SAME_ACCOUNT, name, text)
