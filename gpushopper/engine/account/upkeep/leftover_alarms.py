"""The alarms about leftovers: one for each attempt, or for each item that no record explains."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gpushopper.core import alarms
from gpushopper.core.listing.leftovers import Fate
from gpushopper.core.model.actions import ClearAlarm, RaiseAlarm
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.leftover import LeftoverItem
from gpushopper.engine.transaction import Transaction
from gpushopper.store import alarms as stored_alarms
from gpushopper.store import sessions

Alarms = dict[str, RaiseAlarm]
"""By their subject: an attempt's id, or `ACCOUNT:ITEM`."""


def leftover_alarms(
    tx: Transaction, account: str, overdue: Mapping[LeftoverItem, tuple[Fate, Collection[Attempt]]]
) -> Alarms:
    """The alarms about these items, with what each is and the attempts that its label names."""
    texts: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for item in sorted(overdue, key=lambda item: item.text):
        what, known = overdue[item]
        first = next(iter(known), None)
        subject = f"{account}:{item.item_id}" if first is None else first.id
        names[subject] = account if first is None else session_name(tx, first)
        used = f" (instance {item.used_by} uses it)" if what is Fate.TAKEN else ""
        unknown = " (carries our label, is in no record)" if what is Fate.UNKNOWN else ""
        texts.setdefault(subject, []).append(item.text + used + unknown)
    return {
        subject: RaiseAlarm.with_hint(alarms.LEFTOVER, subject, f"{names[subject]}: still there: {', '.join(those)}")
        for subject, those in texts.items()
    }


def unlisted_alarms(tx: Transaction, waiting: Collection[Attempt], why: str) -> Alarms:
    """The alarms of attempts whose leftovers cannot be listed for too long."""
    return {
        a.id: RaiseAlarm.with_hint(
            alarms.LEFTOVER, a.id, f"{session_name(tx, a)}: what it left cannot be listed: {why}"
        )
        for a in waiting
    }


def replace_alarms(tx: Transaction, account: str, found: Alarms) -> None:
    """Raise these, and clear the account's others: nothing of them is left."""
    active = {subject for kind, subject in stored_alarms.active_alarms(tx.ctx.store) if kind == alarms.LEFTOVER}
    for subject in active - found.keys():
        attempt = sessions.load_attempt(tx.ctx.store, subject)
        of = subject.partition(":")[0] if attempt is None else attempt.provider
        tx.run([ClearAlarm(alarms.LEFTOVER, subject)] if of == account else [])
    tx.run(found.values())


def session_name(tx: Transaction, attempt: Attempt) -> str:
    """What people call the attempt's session."""
    session = sessions.load_session(tx.ctx.store, attempt.session_id)
    return attempt.session_id if session is None else session.name
