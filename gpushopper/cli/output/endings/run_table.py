"""How runs are printed: a table, or JSON; those on an instance, and those that are kept here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import clock_time
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpushopper.cli.app import App
    from gpushopper.core.model.run_folder import Run
    from gpushopper.wire import ReportRun


def fields(run: Run, now: int) -> dict[str, Any]:
    """A run for a JSON document; its duration is until now while it runs. `now` is wall µs."""
    return {
        "run": run.run,
        "status": run.status,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "duration_us": duration(run, now),
        "ends_session": run.ends,
        "command": run.command,
    }


def duration(run: Run, now: int) -> int | None:
    """How long it has run, in µs; None where that is not known."""
    until = now if run.status == "running" else run.ended_at
    return None if run.started_at is None or until is None else max(until - run.started_at, 0)


def print_runs(app: App, runs: Sequence[Run], now: int, **extra: Any) -> None:
    """Print them, the newest first; `extra` are further fields of the JSON document."""
    if app.output not in ("table", "wide"):
        tables.rows(app, "runs", [fields(run, now) for run in runs], (), name="run", **extra)
    elif runs:
        tables.table(app, runs, _columns(now))


def _columns(now: int) -> list[tables.Column]:
    return [
        tables.Column("RUN", lambda run: run.run),
        tables.Column("STATUS", status_text, whole=True),
        tables.Column("STARTED", lambda run: clock_time(run.started_at, now) if run.started_at else "-", whole=True),
        tables.Column("TOOK", lambda run: _took(run, now), right=True, whole=True),
        tables.Column("ENDS IT", lambda run: "yes" if run.ends else "-", whole=True, spare=1),
        tables.Column("COMMAND", lambda run: run.command),
    ]


def status_text(run: Run | ReportRun) -> str:
    """`exit 0`, `running`, `lost`."""
    return f"exit {run.status}" if run.status.isdecimal() else run.status


def _took(run: Run, now: int) -> str:
    took = duration(run, now)
    return "-" if took is None else span(took)
