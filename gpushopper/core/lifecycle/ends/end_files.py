"""Tells of end files on an instance that its guard does not obey: once per change, with an alarm where one is lost.

Such a file is damaged, of another life or start, later than the deadline, or measured by an agent that does not live
(ends.md E4). It ends nothing; an end that was wanted may be lost with it.
"""

from __future__ import annotations

from gpushopper.core import alarms
from gpushopper.core.lifecycle.ends.early_end import reason_of
from gpushopper.core.model.actions import Action, ClearAlarm, EventDraft, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import GuardStatus
from gpushopper.core.model.session import Session

EVENT = "end_files"
"""Kind of the events; their data has `ignored`, the names that the guard ignores from then on."""
_CAUSES = "damaged, of another start, after the deadline, or of no living agent"


def on_end_files(
    session: Session,
    attempt: Attempt,
    guard: GuardStatus | None,
    before: tuple[str, ...],
    expected: frozenset[str],
) -> list[Action]:
    """Tell what has changed since the last heartbeat, which showed `before`.

    `expected`: the reasons of ends that may come. One that is ignored at two heartbeats is lost: for a moment after a
    restart all files are of the former start.
    """
    if guard is None or not guard.knows_ends or not attempt.is_wanted:
        return []
    ignored = guard.bad_ends
    lost = [name for name in ignored if name in before and reason_of(name) in expected]
    alarm: Action = ClearAlarm(alarms.END_IGNORED, attempt.id)
    if lost:
        text = f"{session.name}: its guard ignores {_files(lost)} ({_CAUSES}): an end that may be due does not come"
        alarm = RaiseAlarm.with_hint(alarms.END_IGNORED, attempt.id, text)
    if set(ignored) == set(before):
        return [alarm]
    text = f"{session.name}: its guard ignores {_files(ignored)}: {_CAUSES}"
    if not ignored:
        text = f"{session.name}: its guard ignores no end file any more"
    return [alarm, UpdateAttempt(attempt, {}, EventDraft(EVENT, text, {"ignored": list(ignored)}))]


def is_ignored(reason: str, names: tuple[str, ...]) -> bool:
    """Whether the file of an end with this reason is among those that a guard does not obey."""
    return any(reason_of(name) == reason for name in names)


def _files(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"end-{name}" for name in names)
