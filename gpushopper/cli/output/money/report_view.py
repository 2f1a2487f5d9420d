"""The report of one session in Markdown, for a paper's appendix: what was rented, what ran, its cost and its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gpushopper.cli.output.endings.end_reasons import REASONS, reason_text
from gpushopper.cli.output.receipt_view import MEANS
from gpushopper.cli.output.text_format import plural, rfc3339
from gpushopper.core.model.money import dollars
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper import wire
    from gpushopper.kept_runs import KeptRun

RUN_COLUMNS = ("Run", "Command", "Started", "Ended", "Exit status")
_ESCAPED = str.maketrans({"|": "\\|", "\n": " ", "`": "'"})


def markdown(session: wire.SessionView, costs: wire.Costs, runs: Sequence[KeptRun]) -> list[str]:
    """The lines of the report; times are UTC, amounts have four places."""
    lines = [f"# Session {session.name}", "", *_facts(session)]
    for number, attempt in enumerate(session.attempts, 1):
        lines += ["", f"## Attempt {number}", "", *_attempt(attempt)]
    lines += ["", "## Cost", "", *_costs(session, costs)]
    if runs:
        lines += ["", "## Runs", "", *_table(RUN_COLUMNS, (_run(each) for each in runs))]
    return lines


def _facts(session: wire.SessionView) -> list[str]:
    return _table(
        ("", ""),
        [
            ("GPU", f"{session.gpu_count} x {session.gpu}"),
            ("Cloud", session.provider),
            ("Image", session.image),
            ("Disk", f"{session.disk_gb:g} GB"),
            ("Consumer", session.consumer),
            ("Tags", ", ".join(f"{key}={value}" for key, value in session.tags.items()) or "-"),
            ("Requested", _time(session.created_at)),
            ("Ready", _time(session.ready_at)),
            ("Ended", _time(session.ended_at)),
            ("Status", session.status),
            ("Why it ended", _reason(session.reason)),
        ],
    )


def _attempt(attempt: wire.AttemptView) -> list[str]:
    receipt = attempt.receipt or {}
    used = None if attempt.ready_at is None or attempt.off_at is None else attempt.off_at - attempt.ready_at
    return _table(
        ("", ""),
        [
            ("Instance", f"{attempt.instance_id or 'none'} on {attempt.provider}"),
            ("Offer", attempt.offer),
            ("Price", f"{dollars(attempt.rate, 4)}/h"),
            ("Image", attempt.image),
            ("Label", attempt.label),
            ("Sent", _time(attempt.sent_at)),
            ("Ready", _time(attempt.ready_at)),
            ("Off", _time(attempt.off_at)),
            ("In use for", "-" if used is None else span(max(used, 0))),
            ("Receipt", MEANS.get(str(receipt.get("kind", "")), "none yet")),
            ("Proven", _time(attempt.closed_at)),
        ],
    )


def _costs(session: wire.SessionView, costs: wire.Costs) -> list[str]:
    days = [
        (group.key, *(dollars(getattr(group, f"{kind}_micros"), 4) for kind in ("gpu", "storage", "minimum")),
         dollars(group.accrued, 4))
        for group in costs.groups
        if group.accrued
    ]  # fmt: skip
    total = ("Total", "", "", "", dollars(costs.accrued, 4))
    open_text = "" if session.ended_at is not None else f" It is not final: at most {dollars(costs.max_cost)}."
    heading = (f"Day ({costs.time_zone})", "GPU", "Disk", "Minimum", "Cost")
    return [*_table(heading, [*days, total]), "", f"{plural(len(session.attempts), 'attempt')}.{open_text}"]


def _run(kept: KeptRun) -> tuple[str, ...]:
    run = kept.run
    return (run.run, run.command, _time(run.started_at), _time(run.ended_at), run.status)


def _table(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [_row(heading), _row(["---"] * len(heading))]
    return lines + [_row(row) for row in rows]


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell).translate(_ESCAPED) for cell in cells) + " |"


def _time(at: int | None) -> str:
    return "-" if at is None else rfc3339(at - at % 1_000_000)


def _reason(reason: str) -> str:
    if not reason:
        return "-"
    return reason_text(reason) if reason in REASONS else reason.replace("_", " ")
