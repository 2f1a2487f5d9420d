"""One run over all accounts: look, wait, look again, end what is overdue in both lists; and what to tell of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpushopper.core.listing.watchdog import OverdueInstance, Verdict, WatchedList, judge, overdue
from gpushopper.core.model.instance import Instance
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.duration_text import span
from gpushopper.daemon.watchdog.ending import end
from gpushopper.daemon.watchdog.reading import Means, Watched, doubt, read_list

ENDED, NOT_VERIFIED, LEFT = "ended", "not verified", ""


@dataclass(slots=True)
class Report:
    """`rows` are the instances of the watched installations, `unavailable` why an account could not be seen."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)


def watch(
    accounts: Sequence[Watched], installations: Collection[str], means: Means, *, only_looks: bool = False
) -> Report:
    """Watch these accounts once. `only_looks`: one list each, and nothing is ended.

    An account where nothing is overdue in its first list needs no second one: nothing of it could be ended.
    """
    report, suspects = Report(), {}
    for account in accounts:
        first = _see(account, report, means)
        if first is None:
            continue
        _add_rows(report, account, first, installations)
        if any(
            judge(row, installations, first.now, account.policy, first.rows) is Verdict.OVERDUE for row in first.rows
        ):
            suspects[account.name] = first
    if only_looks:
        return report
    for account in accounts:
        if (seen := suspects.get(account.name)) is not None and seen.is_whole:
            _end_overdue(account, seen, installations, report, means)
    return report


def _see(account: Watched, report: Report, means: Means) -> WatchedList | None:
    seen = read_list(account, means)
    why = doubt(seen) if isinstance(seen, WatchedList) else seen
    if why:
        report.unavailable[account.name] = why
    return seen if isinstance(seen, WatchedList) else None


def _end_overdue(
    account: Watched, first: WatchedList, installations: Collection[str], report: Report, means: Means
) -> None:
    # The wait ends a moment later than the interval: a clock may be read in between.
    due_boot = first.now.boot + us(account.policy.watchdog_interval_s)
    if (left := due_boot - means.clock.now().boot) > 0:
        means.note(f"{account.name}: an instance is past its hard maximum; the second list follows in {span(left)}")
    while (left := due_boot - means.clock.now().boot) > 0:
        means.pause(left / 1e6)
    second = _see(account, report, means)
    if second is None:
        return
    report.rows = [row for row in report.rows if row["provider"] != account.name]
    _add_rows(report, account, second, installations)
    due = overdue(first, second, installations, account.policy)
    if not due:
        return
    means.note(f"{account.name}: ending {', '.join(row.instance_id for row in due)}")
    for ended in end(account, due, means):
        _record_end(report, account, ended)


def _add_rows(report: Report, account: Watched, seen: WatchedList, installations: Collection[str]) -> None:
    for row in seen.rows:
        verdict = judge(row, installations, seen.now, account.policy, seen.rows)
        if verdict is not None:
            report.rows.append(_row(account, row, verdict))


def _row(account: Watched, row: Instance, verdict: Verdict) -> dict[str, Any]:
    owner = row.owner()
    return {
        "provider": account.name,
        "instance_id": row.instance_id,
        "installation": "" if owner is None else owner.installation,
        "label": row.valid_label() or "",
        "status": row.provider_status,
        "rate": row.rate,
        "hard_max_at": None if owner is None else owner.hard_max_at,
        "is_overdue": verdict is Verdict.OVERDUE,
        "is_only_reported": verdict.is_only_reported,
        "outcome": LEFT,
        "note": verdict.value,
    }


def _record_end(report: Report, account: Watched, each: OverdueInstance) -> None:
    proven = each.is_proven(account.policy)
    for row in report.rows:
        if (row["provider"], row["instance_id"]) == (account.name, each.row.instance_id):
            row["outcome"] = ENDED if proven else NOT_VERIFIED
            row["note"] = _ending_note(each, proven=proven)


def _ending_note(each: OverdueInstance, *, proven: bool) -> str:
    if proven:
        return f"ended: not listed {len(each.absences)} times in a row"
    if each.is_left_alone:
        return "it shows another label now: not touched any more"
    return f"may still bill: destroy {each.destroys} {each.detail}"
