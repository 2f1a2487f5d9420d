"""`tonight` of `status`: what may still bill, at most how much, until when, and who ends it; the sum (S1, I10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import clock_time, money, per_hour, when
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import BudgetView, SessionView


class Tonight(NamedTuple):
    """One session: what it may still cost in micro-dollars, until when (wall µs), and who ends it."""

    name: str
    at_most: int
    until_at: int | None
    ended_by: str
    sooner: str
    """What may end it before, as `idle 30m`, `budget lab 19:36`."""
    bills_on: bool


def tonight(sessions: list[SessionView], by_budget: Mapping[str, str]) -> list[Tonight]:
    """What may still bill, the dearest first; `by_budget` from `budget_ends`."""
    rows = [Tonight(each.name, _more(each), each.deadline_at, ended_by(each), _sooner(each, by_budget), each.bills_on)
            for each in sessions]  # fmt: skip
    return sorted(rows, key=lambda row: -row.at_most)


def _more(session: SessionView) -> int:
    return max(session.max_cost - session.accrued, 0)


def ended_by(session: SessionView) -> str:
    """`itself, or this computer`: who enforces its deadline."""
    if session.end_stage:
        return "being ended now"
    letters = session.guards.split("+")
    if session.guard_state == "not_applicable":
        return "this computer (simulated)"
    if "I" in letters:
        return "itself, or this computer"
    if "P" in letters:
        return f"{session.cloud or session.provider}, or this computer"
    return "this computer alone"


def budget_ends(budgets: Sequence[BudgetView], now: int) -> dict[str, str]:
    """Which budget ends a session at the present rates, and when: `budget lab 19:36`, by the session's id."""
    ends = [(end.at, end.session, one.name) for one in budgets for limit in one.limits for end in limit.ends]
    return {session: f"budget {name} {clock_time(at, now)}" for at, session, name in sorted(ends, reverse=True)}


def _sooner(session: SessionView, by_budget: Mapping[str, str]) -> str:
    limits = session.limits
    found = [f"idle {span(limits.idle_us)}"] if limits.idle_us else []
    found += [f"contact {span(limits.contact_us)}"] if limits.contact_us else []
    found += [by_budget[session.id]] if session.id in by_budget and not session.end_stage else []
    return ", ".join(found)


def print_tonight(app: App, sessions: list[SessionView], by_budget: Mapping[str, str], now: int) -> None:
    """Print it; nothing where no session is open. Whatever goes on billing without this computer is said below."""
    rows = tonight(sessions, by_budget)
    if not rows:
        return
    total = sum(row.at_most for row in rows)
    tables.out("")
    tables.sentences([f"tonight: at most {money(total)} more, if nobody does anything"])
    tables.table(app, rows, _columns(rows, now))
    on = [each for each in sessions if each.bills_on and not each.end_stage]
    if on:
        names = ", ".join(each.name for each in on[:5]) + (" ..." if len(on) > 5 else "")
        cost = per_hour(sum(each.rate for each in on))
        tables.sentences([f"keep this computer on: without it {names} bills on after its deadline, {cost}"])


def _columns(rows: list[Tonight], now: int) -> list[tables.Column]:
    return [
        tables.Column("NAME", lambda row: row.name),
        tables.Column("AT MOST", lambda row: money(row.at_most), right=True, whole=True),
        tables.Column("UNTIL", lambda row: when(row.until_at, now), whole=True, short=lambda row: _clock(row, now)),
        tables.Column("ENDED BY", lambda row: row.ended_by, whole=True),
        *(
            [tables.Column("OR SOONER", lambda row: row.sooner or "-", spare=1)]
            if any(row.sooner for row in rows)
            else []
        ),
    ]


def _clock(row: Tonight, now: int) -> str:
    return "-" if row.until_at is None else clock_time(row.until_at, now)
