"""How `why` is printed: what ends a session, its signs of use, its history; at 80 columns nothing of it is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpushopper.cli.output import tables
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.endings.end_reasons import ignored, reason_text
from gpushopper.cli.output.text_format import ago, clock_time, when
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import EndView, SessionView, SignalView, UseSpan, WhyView

COUNTS = {
    "gpu": "3 % of a GPU",
    "cpu": "10 % of a core",
    "network": "100 kB/s",
    "output": "a run's output grows",
    "terminal": "somebody types",
}
"""What counts as use (ends.md E2)."""


BY = {"I": "itself", "P": "its cloud's timer", "D": "this computer"}
"""Who carries out an end, by the letters of GUARDS."""


def print_why(app: App, found: WhyView, session: SessionView) -> None:
    """Print what would end it, what is done before, and what is in use."""
    now = found.now
    is_running = found.status == "running"
    is_measured = is_running and found.idle_us is not None and not found.unwatched
    tables.facts(
        [
            ("session", f"{found.name}, {'destroyed' if found.status == 'stopped' else found.status}"),
            ("ended", reason_text(found.reason) if not is_running else ""),
            ("ending", _ending(found) if is_running else ""),
            ("ignored", ignored(found.ignored_ends) if is_running else ""),
            ("before", landing_view.steps_before_end(session) if is_running and _has_steps(session) else ""),
            ("landing", landing_view.landing(session, now) if is_running else ""),
            ("idle for", span(found.idle_us or 0) if is_measured else ""),
            ("heartbeat", ago(found.heartbeat_at, now) if found.heartbeat_at else ""),
            ("sample", ago(found.sampled_at, now) if found.sampled_at else ""),
            ("not watched", found.unwatched if is_running else ""),
        ]
    )
    if found.ends:
        tables.out("")
        tables.table(app, found.ends, _end_columns(found))
        tables.sentences(f"{_end_name(end)}: {end.note}" for end in found.ends if end.note)
    if is_running:
        tables.out("")
        tables.table(app, found.signals, _signal_columns(found))


def _ending(found: WhyView) -> str:
    if found.self_ended_at is not None:
        return f"ended by itself at {clock_time(found.self_ended_at, found.now)}, not confirmed"
    if not found.ending_reason or found.ending_at is None:
        return ""
    return f"{when(found.ending_at, found.now)}: {reason_text(found.ending_reason)}"


def _has_steps(session: SessionView) -> bool:
    return bool(session.pulls or session.has_hook)


def by_words(letters: str) -> str:
    """`D+I` as `itself, or this computer`; the letters where there is another one."""
    found = letters.split("+")
    return ", or ".join(BY[letter] for letter in BY if letter in found) if set(found) <= BY.keys() else letters


def _end_name(end: EndView) -> str:
    return f"{end.name} {end.run}".strip()


def _end_columns(found: WhyView) -> list[tables.Column]:
    return [
        tables.Column("ENDS IT", _end_name),
        tables.Column("LIMIT", lambda end: span(end.limit_us) if end.limit_us else "-", whole=True),
        tables.Column("WHEN", lambda end: _at(end, found.now), whole=True),
        tables.Column("BY", lambda end: by_words(end.by), whole=True),
    ]


def _at(end: EndView, now: int) -> str:
    if end.name == "run":
        return "after the run"
    if end.at is None:
        return "not known"
    before = "" if end.name in ("deadline", "budget") else "not before "
    return before + when(max(end.at, now), now)


def _signal_columns(found: WhyView) -> list[tables.Column]:
    return [
        tables.Column("SIGN OF USE", lambda signal: signal.name),
        tables.Column("NOW", lambda signal: _value(signal, found), right=True, whole=True),
        tables.Column("LAST IN USE", lambda signal: _last(signal, found), whole=True),
        tables.Column("COUNTS FROM", lambda signal: COUNTS.get(signal.name, "-"), spare=1),
    ]


def _value(signal: SignalView, found: WhyView) -> str:
    if found.sampled_at is None or found.unwatched:
        return "unknown"
    if signal.value is None:
        return "in use" if signal.is_used else "-"
    return {"gpu": f"{signal.value} %", "cpu": f"{signal.value / 1000:.2f} cores"}.get(
        signal.name, f"{signal.value / 1000:.0f} kB/s"
    )


def _last(signal: SignalView, found: WhyView) -> str:
    if signal.used_at is not None:
        return when(signal.used_at, found.now)
    return "not lately" if found.sampled_at is not None else "not known"


def print_history(app: App, found: WhyView) -> None:
    """Print the times in which the same was in use."""
    tables.out("")
    if found.history:
        tables.table(app, found.history, _history_columns(found.now))
        tables.out("")
    else:
        tables.out("No heartbeat of it is kept (they are kept for 30 days).\n")


def _history_columns(now: int) -> list[tables.Column]:
    return [
        tables.Column("FROM", lambda use: clock_time(use.start_at, now)),
        tables.Column("FOR", lambda use: span(max(use.end_at - use.start_at, SECOND)), right=True, whole=True),
        tables.Column("USE", _use),
        tables.Column("GPU", lambda use: "-" if use.gpu_load is None else f"{use.gpu_load} %", right=True, whole=True),
        tables.Column("CPU", _cpu, right=True, whole=True),
    ]


def _cpu(use: Any) -> str:
    return "-" if use.cpu_milli is None else f"{use.cpu_milli / 1000:.2f}"


def _use(use: UseSpan) -> str:
    words = {"idle": "idle", "silent": "no answer", "unknown": "not known"}
    return words.get(use.kind, ", ".join(use.used))
