"""Which ended sessions are old enough to be compacted, and what is kept of them for ever (I4).

Kept are the rows themselves, with label, account, instance id and receipt: lists are compared with them for ever, so
that an instance which appears again is destroyed, and no id counts as new. Kept as well are the acts, which the audit
log is compared with, and the money by day. The rest is how it came about; nobody asks for that half a year later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from gpushopper.core.alarms import NEEDS_ACK
from gpushopper.core.audit_chain import ACTS
from gpushopper.core.model.attempt import Attempt, DesiredState
from gpushopper.core.model.session import Session
from gpushopper.core.spending.ledger import Entry
from gpushopper.core.timing.periods import PeriodKind, periods_over

EVENT = "compacted"
KEPT_EVENTS = ACTS | {EVENT, "bill_corrected"}
"""Kinds of events that are never removed: acts, and what says why a sum is as it is."""
REMOVED_HOOK = "# removed: the session ended long ago"
"""In the place of a script that ran before the end: that there was one stays known (custody)."""

NumberedEntry = tuple[int, Entry]
"""A ledger entry with its id."""


def may_compact(session: Session, attempts: Sequence[Attempt], subjects: Collection[str], before_at: int) -> bool:
    """Whether a session ended before a time (wall µs) for good: nothing of it can bill, and no alarm is about it.

    `subjects` are those of open alarms.
    """
    ends = [session.ended_at, *(attempt.closed_at for attempt in attempts)]
    if session.desired_state is not DesiredState.TERMINATED or any(attempt.is_open for attempt in attempts):
        return False
    if any(end is None or end >= before_at for end in ends):
        return False
    names = [session.id, *(name for each in attempts for name in (each.id, each.label, each.instance_id) if name)]
    return not any(name in subject for subject in subjects for name in names)


def is_open_alarm(kind: str, *, is_acknowledged: bool) -> bool:
    """Whether an alarm that was not cleared is still open: one about what happened once is not, once acknowledged."""
    return not (is_acknowledged and kind in NEEDS_ACK)


def session_changes(session: Session, now_wall: int) -> dict[str, Any]:
    """What a session's row loses: untried offers, the values of variables (their names stay), the script's text."""
    return {
        "compacted_at": now_wall,
        "shortlist": (),
        "environment": tuple((name, "") for name, _ in session.environment),
        "before_end": REMOVED_HOOK if session.before_end else "",
    }


def attempt_changes(attempt: Attempt) -> dict[str, Any]:
    """What an attempt's row loses: texts of its cloud and its host."""
    texts = {"provider_status": "", "progress": "", "probe_error": ""}
    return {name: empty for name, empty in texts.items() if getattr(attempt, name)}


def merged(entries: Iterable[NumberedEntry], zone: tzinfo) -> list[NumberedEntry]:
    """One attempt's ledger entries, added up by day of the zone, class, reason and sign, under the first id of each.

    Each day, class and attempt keeps its sum exactly; so a rollup that counts these ids stays right. What is asked in
    less than a day, or in the days of another zone, is a linear part of the day from then on.
    """
    found: dict[tuple[int, str, str, bool], NumberedEntry] = {}
    left: list[NumberedEntry] = []
    for number, entry in sorted(entries, key=lambda one: one[0]):
        days = list(periods_over(PeriodKind.DAY, entry.from_at, entry.to_at, zone))
        if len(days) > 1:
            left.append((number, entry))  # around midnight of a zone that is not whole hours from UTC
            continue
        key = (days[0].start_at, entry.kind, entry.reason, entry.correction)
        found[key] = (number, entry) if key not in found else (found[key][0], _sum(found[key][1], entry))
    return sorted([*found.values(), *left], key=lambda one: one[0])


def _sum(one: Entry, other: Entry) -> Entry:
    from_at, to_at = min(one.from_at, other.from_at), max(one.to_at, other.to_at)
    return replace(one, from_at=from_at, to_at=to_at, micros=one.micros + other.micros)
