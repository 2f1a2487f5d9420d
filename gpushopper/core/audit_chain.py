"""The audit log as values: which events are acts of it, the form of a line, the chain of digests, and its check.

Each line holds the SHA-256 of the line before it. So a line that is changed, removed or put in between breaks the
chain at that place. Lines cut off at the end, and a log that was written anew as a whole, show only against something
kept elsewhere: the database's own events, or a head that somebody has noted down.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

SPENDING = frozenset(
    {
        "requested", "prepared", "sent", "sent_again", "created", "adopted", "duplicate", "reopened", "extended",
        "restarted", "passed_over", "budget_changed", "consumer_added", "consumer_renamed", "tags_changed",
        "account_trusted",
    }
)  # fmt: skip
"""Events by which money is spent, or may be."""

DESTROYING = frozenset(
    {
        "limits_set", "run_end_allowed", "run_end_withdrawn", "end_requested", "attempt_terminating", "destroying",
        "destroy_sent", "closed", "ended", "self_ended", "ending", "ending_withdrawn", "not_pulled", "disk_left",
        "disk_gone", "leftover", "forgotten",
    }
)  # fmt: skip
"""Events by which something is ended, or may end."""

ACTS = SPENDING | DESTROYING
HISTORY = frozenset(
    {
        "absence_observed", "alarm", "alarm_cleared", "alert_given_up", "boot_progress", "compacted", "end_files",
        "ends_soon", "idle", "interrupted", "landing", "limits", "missing", "pull_failed", "pulled", "ready",
        "reappeared", "recovered", "run_ended", "uncertain", "unwatched", "waiting",
    }
)  # fmt: skip
"""Events that neither spend nor end anything."""
BEGUN = "log_begun"
"""The first line of each database: after it, `event` counts from the beginning."""
FIRST = "0" * 64
"""What the first line holds in the place of a digest."""
MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Act:
    """One act, or the beginning of a database's. `event` is its id in that database, `at` wall µs."""

    database: str
    event: int
    at: int
    kind: str
    text: str
    session: str | None = None
    attempt: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that could be read: its act, and the digest that it holds of the line before."""

    act: Act
    previous: str


def digest(text: str) -> str:
    """The digest of a whole line, without its end of line."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_line(act: Act, previous: str) -> str:
    """A line as it stands in the file; one act has one text only."""
    fields = {
        "at": act.at, "kind": act.kind, "text": act.text, "session": act.session, "attempt": act.attempt,
        "data": act.data, "database": act.database, "event": act.event, "previous": previous,
    }  # fmt: skip
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=True)


def read_line(text: str) -> Line | None:
    """The line's act; None where it is not one, also where it is the same act in another text."""
    try:
        found = json.loads(text)
        previous = found.pop("previous")
        line = Line(Act(**found), previous)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return line if write_line(line.act, previous) == text else None


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found: how many lines there are, the digest of the last one, and what is wrong, first things first.

    `has_head`: whether the head that was asked for is the digest of one of its lines.
    """

    lines: int
    head: str
    problems: tuple[str, ...]
    has_head: bool = True


def check_chain(texts: Iterable[str], head: str = "") -> Check:
    """Check each line against the one before; `head` is a digest, or its beginning, that was noted down earlier."""
    problems: list[str] = []
    previous, count, last = FIRST, 0, None
    has_head = not head
    for count, text in enumerate(texts, start=1):
        line = read_line(text)
        if line is None:
            problems.append(f"line {count} is damaged")
        else:
            if line.previous != previous:
                problems.append(
                    f"line {count} does not follow from the one before: that was changed, or lines are gone"
                )
            problems += _out_of_order(count, last, line.act)
            last = line.act
        previous = digest(text)
        has_head = has_head or previous.startswith(head)
    return Check(count, previous, tuple(problems[:MOST_PROBLEMS]), has_head)


def _out_of_order(number: int, before: Act | None, act: Act) -> list[str]:
    begins = act.kind == BEGUN
    if before is None or act.database != before.database:
        return [] if begins else [f"line {number} is of a database whose first line is missing"]
    return [f"line {number} is out of order"] if begins or act.event <= before.event else []


def check_events(logged: Sequence[Act], events: Sequence[Act], fresh_at: int) -> list[str]:
    """Compare the acts of one database's lines with its events, both in order of their ids.

    An event at or after `fresh_at` (wall µs) may not be in the log yet.
    """
    there = {act.event: act for act in events}
    written = {act.event: act for act in logged if act.kind != BEGUN}
    problems = [
        f"event {number} ({act.kind}: {act.text}) is not in the log"
        for number, act in there.items()
        if number not in written and act.at < fresh_at
    ]
    for number, act in written.items():
        if number not in there:
            problems.append(f"event {number} ({act.kind}: {act.text}) is in the log and not in the database")
        elif act != there[number]:
            problems.append(f"event {number} differs: {act.kind}: {act.text} in the log")
    return problems[:MOST_PROBLEMS]
