"""What the second watcher may end: labels of given installations, long past the hour that they name (ends.md E10).

It has no record of anything. So it believes neither one list nor one clock: an instance must carry the same label in
two whole lists that are far enough apart, and be overdue in both by this computer's clock and by the cloud's. A label
that names no hour, or two, or one before the instance was made, is reported and left alone; so is one that several
instances carry where the cloud does not say when each was made.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

from gpushopper.core.lifecycle.destroying import destroy_retry_s
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.label import parse_label
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import EARLIEST_WALL, LATEST_WALL, ClockSnapshot, us


@dataclass(frozen=True, slots=True)
class WatchedList:
    """One list, and the clocks when its last page was in; `now.provider_date` is the reply's own date."""

    rows: tuple[Instance, ...]
    is_whole: bool
    now: ClockSnapshot

    def find(self, instance_id: str) -> Instance | None:
        """The row of an id, if listed."""
        return next((row for row in self.rows if row.instance_id == instance_id), None)


class Verdict(Enum):
    """What the watchdog makes of an instance of an installation that it watches."""

    WITHIN = "within its hard maximum"
    OVERDUE = "past its hard maximum"
    UNDATED = "its label names no hour: only reported"
    UNCLEAR = "its labels contradict each other: only reported"
    YOUNGER = "made after the hour of its label, which was copied: only reported"
    COPIED = "another instance has the same label: only reported"

    @property
    def is_only_reported(self) -> bool:
        """Whether a person has to look at it: nothing here will ever end it."""
        return self not in (Verdict.WITHIN, Verdict.OVERDUE)


def certain_time(now: ClockSnapshot) -> int | None:
    """Wall µs that it is at least, by both clocks; None where one of them is missing or impossible (F62)."""
    if now.provider_date is None or not EARLIEST_WALL <= now.wall < LATEST_WALL:
        return None
    return min(now.wall, now.provider_date)


def judge(
    row: Instance,
    installations: Collection[str],
    now: ClockSnapshot,
    policy: Policy,
    rows: Collection[Instance] = (),
) -> Verdict | None:
    """The verdict on a row; None for one that is none of our business. `rows` are all of its list."""
    owner = row.owner()
    if owner is None or owner.installation not in installations:
        return None
    carried = [label for text in row.label_texts if (label := parse_label(text)) is not None]
    hours = {label.hard_max_at for label in carried}
    if len(hours) > 1 or not all(owner.is_same_attempt(label) for label in carried):
        return Verdict.UNCLEAR
    hard_max_at = hours.pop()
    if hard_max_at is None:
        return Verdict.UNDATED
    if row.created_at is not None and row.created_at > hard_max_at:
        return Verdict.YOUNGER  # somebody copied the label, as a clone of an instance has it
    at = certain_time(now)
    is_overdue = at is not None and at >= hard_max_at + us(policy.watchdog_margin_s)
    if is_overdue and row.created_at is None and any(_is_copy(row, other) for other in rows):
        return Verdict.COPIED
    return Verdict.OVERDUE if is_overdue else Verdict.WITHIN


def _is_copy(row: Instance, other: Instance) -> bool:
    return other.instance_id != row.instance_id and is_same(row, other)


def overdue(
    first: WatchedList, second: WatchedList, installations: Collection[str], policy: Policy
) -> tuple[Instance, ...]:
    """The rows of the second list that may be ended; none unless both lists are whole and far enough apart."""
    if not (first.is_whole and second.is_whole) or first.now.boot_id != second.now.boot_id:
        return ()
    if second.now.boot - first.now.boot < us(policy.watchdog_interval_s):
        return ()
    return tuple(
        row
        for row in second.rows
        if judge(row, installations, second.now, policy, second.rows) is Verdict.OVERDUE
        and (before := first.find(row.instance_id)) is not None
        and is_same(before, row)
        and judge(before, installations, first.now, policy, first.rows) is Verdict.OVERDUE
    )


def is_same(before: Instance, row: Instance) -> bool:
    """Whether two rows of one id carry the label of the same attempt."""
    owner = before.owner()
    return owner is not None and owner.is_same_attempt(row.owner())


def is_another(before: Instance, row: Instance) -> bool:
    """Whether a later row of the id carries another text; one without any says nothing either way (S4)."""
    return bool(row.label_texts) and not is_same(before, row)


@dataclass(frozen=True, slots=True)
class OverdueInstance:
    """One instance that is being ended. Times are µs of the boot clock.

    `absences` are when a whole list and a read by id, both asked for after the last destroy was answered, lacked it.
    """

    row: Instance
    next_destroy_boot: int
    destroys: int = 0
    acknowledged: bool = False
    last_destroy_boot: int = 0
    absences: tuple[int, ...] = ()
    is_left_alone: bool = False
    """It shows another label now: it is not touched any more."""
    detail: str = ""

    def is_destroy_due(self, boot: int) -> bool:
        """Whether a destroy may be sent: never while absences are counted, since each destroy starts that anew."""
        return not self.is_left_alone and not self.absences and boot >= self.next_destroy_boot

    def after_destroy(self, acknowledged: bool, detail: str, boot: int, policy: Policy) -> OverdueInstance:
        """After the answer to one destroy: no answer proves anything (I5)."""
        count = self.destroys + 1
        wait = policy.destroy_retry_steady_s if acknowledged else destroy_retry_s(count, policy)
        return replace(
            self,
            destroys=count,
            acknowledged=self.acknowledged or acknowledged,
            last_destroy_boot=boot,
            next_destroy_boot=boot + us(wait),
            absences=(),
            detail=detail,
        )

    def after_list(
        self, seen: WatchedList, requested_boot: int, is_unknown_by_id: bool, policy: Policy
    ) -> OverdueInstance:
        """After a list and a read by id: a sighting cancels all absences before it."""
        row = seen.find(self.row.instance_id)
        if row is not None:
            return replace(self, absences=(), is_left_alone=self.is_left_alone or is_another(self.row, row))
        last = self.absences[-1] if self.absences else None
        is_due = last is None or seen.now.boot - last >= us(policy.gone_interval_s)
        is_evidence = seen.is_whole and is_unknown_by_id and requested_boot >= self.last_destroy_boot
        return replace(self, absences=(*self.absences, seen.now.boot)) if is_evidence and is_due else self

    def is_proven(self, policy: Policy) -> bool:
        """An acknowledged destroy, then enough absences over enough time (D6)."""
        if not self.acknowledged or len(self.absences) < policy.gone_observations:
            return False
        return self.absences[-1] - self.absences[0] >= us(policy.gone_window_s)
