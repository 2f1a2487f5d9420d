"""Budgets as printed: one line for each limit, and a page about one budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gpushopper.cli.output import session_views, tables
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.text_format import clock_time, money, plural
from gpushopper.cli.terminal_text import clean
from gpushopper.core.model.money import dollars

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import BudgetLimit, BudgetView

PER = {"daily": "a day", "monthly": "a month", "session": "a session"}
BAR = 10
"""Characters of a bar."""
CENT = 10_000
"""Micro-dollars."""
MARGIN = (
    "Committed is more than AT MOST in ls: it also holds what a late end may cost (half an hour, the disk for a day), "
    "and 10 GB of traffic each way. What is not used of it is free once a session has ended."
)
NAMED = 3
"""How many sessions a page names as holders."""


class LimitRow(NamedTuple):
    """One limit with its budget: a row of the list."""

    budget: BudgetView
    limit: BudgetLimit


def columns(now: int) -> list[tables.Column]:
    """The columns of `budget ls`."""
    return [
        tables.Column("BUDGET", lambda row: row.budget.name),
        tables.Column("FOR", counted, whole=True, spare=1),
        tables.Column("LIMIT", lambda row: f"{_amount(row.limit.limit_micros)} {PER[row.limit.kind]}", whole=True),
        tables.Column("SPENT", lambda row: money(row.limit.spent_micros), right=True),
        tables.Column("COMMITTED", lambda row: money(row.limit.committed_micros), right=True),
        tables.Column("LEFT", lambda row: money(row.limit.left_micros), right=True),
        tables.Column("", lambda row: bar(row.limit), whole=True, wide=True),
        tables.Column("AT 100 %", lambda row: row.budget.at_100, wide=True),
        tables.Column("STATE", lambda row: state(row.limit, now), whole=True),
    ]


def fields(row: LimitRow) -> dict[str, Any]:
    """One limit as a line of CSV."""
    budget, limit = row
    return {
        "budget": budget.name, "scope_kind": budget.scope_kind, "scope": budget.scope, "limit": limit.kind,
        "limit_micros": limit.limit_micros, "spent_micros": limit.spent_micros,
        "committed_micros": limit.committed_micros, "left_micros": limit.left_micros, "session": limit.session,
        "used_up_at": limit.used_up_at, "period_end_at": limit.period_end_at, "at_80": budget.at_80,
        "at_100": budget.at_100,
    }  # fmt: skip


def scope(found: BudgetView) -> str:
    """Whose sessions it counts: `all`, `consumer ada`."""
    return "all" if found.scope_kind == "all" else f"{found.scope_kind} {found.scope}"


def counted(row: LimitRow) -> str:
    """Whose sessions a row counts; of a limit per session, which."""
    return f"session {row.limit.session}" if row.limit.session else scope(row.budget)


def limit_text(limit: BudgetLimit) -> str:
    """`$10.00 a day`; a limit per session names the session."""
    return f"{_amount(limit.limit_micros)} {PER[limit.kind]}" + (f": {limit.session}" if limit.session else "")


def _amount(micros: int) -> str:
    """`$0.05`: a limit is what a person has typed, mostly whole cents."""
    return money(micros) if micros % CENT else dollars(micros)


def bar(limit: BudgetLimit) -> str:
    """`####==....`: spent, committed beside that, and what is left."""
    spent = _part(limit.spent_micros, limit.limit_micros)
    held = max(_part(limit.committed_micros, limit.limit_micros) - spent, 0)
    return "#" * spent + "=" * held + "." * (BAR - spent - held)


def _part(amount: int, limit: int) -> int:
    return BAR if amount >= limit else amount * BAR // limit


def state(limit: BudgetLimit, now: int) -> str:
    """`ok`, `83 % spent`, `used up`, `lasts until 19:36` by rate, or `over` where more may be spent than it says."""
    if limit.spent_micros >= limit.limit_micros:
        return "used up"
    if limit.used_up_at is not None:
        return f"lasts until {clock_time(limit.used_up_at, now)}"
    if limit.spent_micros * 5 >= limit.limit_micros * 4:
        return f"{limit.spent_micros * 100 // limit.limit_micros} % spent"
    if limit.committed_micros > limit.limit_micros:
        return "over"
    return "full" if limit.left_micros == 0 and limit.committed_micros else "ok"


def print_budget(app: App, found: BudgetView) -> None:
    """One budget: its limits, who holds most of each, and what would end for it."""
    now = app.now().wall
    at_100 = "refuses, and ends sessions" if found.at_100 == "stop" else "refuses"
    tables.facts([("budget", found.name), ("counts", _counts(found)), ("at 100 %", at_100)])
    for limit in found.limits:
        tables.out("")
        share = f"{money(limit.spent_micros)} spent{_traffic(limit)}, {money(limit.committed_micros)} committed"
        tables.out(clean(limit_text(limit)))
        pairs = [
            (f"  {bar(limit)}", f"{share}, {money(limit.left_micros)} left"),
            ("  state", state(limit, now)),
            ("  counts anew", clock_time(limit.period_end_at, now) if limit.period_end_at else ""),
            ("  held by", _holders(limit)),
            ("  ends", ", then ".join(f"{end.name} {clock_time(end.at, now)}" for end in limit.ends)),
        ]
        tables.facts(pairs)
    if any(limit.committed_micros > limit.spent_micros for limit in found.limits):
        tables.sentences(["", MARGIN])


def _traffic(limit: BudgetLimit) -> str:
    """What of it was traffic; empty below a cent."""
    return f" ({money(limit.traffic_micros)} of it for traffic)" if limit.traffic_micros >= CENT else ""


def _counts(found: BudgetView) -> str:
    return "all sessions" if found.scope_kind == "all" else f"sessions of {found.scope_kind} {found.scope}"


def _holders(limit: BudgetLimit) -> str:
    shown = [holder for holder in limit.holders[:NAMED] if holder.committed_micros >= CENT]
    named = [f"{holder.name} {money(holder.committed_micros)}" for holder in shown]
    rest = len(limit.holders) - len(shown)
    return ", ".join(named) + (f" and {rest} more" if named and rest > 0 else "")


def note_must_end(app: App, found: BudgetView, *, stop_now: bool) -> None:
    """Say which sessions the limits have no room for, and that they go on unless they are ended."""
    if not found.must_end:
        return
    for limit in found.limits:
        if limit.committed_micros > limit.limit_micros:
            app.note(f"{limit_text(limit)}: up to {money(limit.committed_micros)} is committed already")
    if stop_now:
        for end in found.must_end:
            session = app.client.session(end.session)
            what = f"{session_views.gpu(session)} on {session.provider}, {session_views.money_line(session)}"
            text = landing_view.before_done(session)
            app.note(f"Will destroy {session.name}: {what}" + (f"; {text}" if text else ""))
        return
    names, them = ", ".join(end.name for end in found.must_end), "it" if len(found.must_end) == 1 else "them"
    if found.at_100 == "stop":  # it ends them, too, only later: `note_stop` says when
        app.note(f"No room for {names}; to end {them} now, add --stop-now")
        return
    app.note(f"No room for {names}. Nothing is ended by this; to end {them}, add --stop-now")


def note_stop(app: App, found: BudgetView, ended_now: Sequence[str] = ()) -> None:
    """Where a budget ends sessions, say beforehand which, in order; without those that end now."""
    if found.at_100 != "stop":
        return
    now = app.now().wall
    first: dict[str, Any] = {}
    later = [end for limit in found.limits for end in limit.ends if end.session not in ended_now]
    for end in sorted(later, key=lambda end: end.at):
        first.setdefault(end.session, end)
    ends = list(first.values())
    if not ends:
        if not ended_now:
            app.note("It would end no session that is open now.")
        return
    order = ", then ".join(f"{clean(end.name)} at {clock_time(end.at, now)}" for end in ends)
    app.note(f"It would end {plural(len(ends), 'session')} at the present rates: {order}")
