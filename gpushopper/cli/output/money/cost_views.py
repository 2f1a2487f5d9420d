"""Costs as tables: by session, or by whom, where, on what and when; and what is still to come in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpushopper.cli.output import tables
from gpushopper.cli.output.money.bars import bar, can_draw, sparkline
from gpushopper.cli.output.text_format import local_time, money, plural
from gpushopper.clouds import title_of
from gpushopper.core.model.money import dollars, signed_dollars

if TYPE_CHECKING:
    from gpushopper import wire
    from gpushopper.cli.app import App

SPARK_DAYS = 30
BY_SESSION = (
    tables.Column("SESSION", lambda r: r.name),
    tables.Column("CONSUMER", lambda r: r.consumer, whole=True, spare=2),
    tables.Column("CLOUD", lambda r: r.provider, whole=True, spare=1),
    tables.Column("GPU", lambda r: r.gpu or "-", whole=True, spare=3),
    tables.Column("GPU $", lambda r: exact(r.gpu_micros), right=True, wide=True),
    tables.Column("DISK $", lambda r: exact(r.storage_micros), right=True, wide=True),
    tables.Column("TRAFFIC $", lambda r: exact(r.traffic_micros), right=True, wide=True),
    tables.Column("MINIMUM $", lambda r: exact(r.minimum_micros), right=True, wide=True),
    tables.Column("ACCRUED", lambda r: exact(r.accrued), right=True),
    tables.Column("AT MOST", lambda r: exact(r.max_cost), right=True),
    tables.Column("STATE", lambda r: "final" if r.settled else "open", whole=True),
)


def exact(micros: int) -> str:
    """Dollars with four places: a short session must not show as $0.00, nor its max cost as less than its cost."""
    return dollars(micros, 4)


def print_groups(app: App, found: wire.Costs) -> None:
    """The groups with their kinds of cost; with bars on a terminal."""
    if not found.groups:
        return
    most = max(group.accrued for group in found.groups)
    columns = [
        tables.Column(found.by.upper(), lambda g: g.key or "-", whole=True),
        tables.Column("GPU $", lambda g: exact(g.gpu_micros), right=True),
        tables.Column("DISK $", lambda g: exact(g.storage_micros), right=True),
        tables.Column("TRAFFIC $", lambda g: exact(g.traffic_micros), right=True, wide=True),
        tables.Column("MINIMUM $", lambda g: exact(g.minimum_micros), right=True, wide=True),
        tables.Column("COST", lambda g: exact(g.accrued), right=True),
    ]
    if found.by not in ("day", "month"):
        columns.append(tables.Column("SESSIONS", lambda g: g.sessions, right=True))
    if can_draw(app):
        columns.append(tables.Column("", lambda g: bar(g.accrued, most), whole=True, spare=1))
    tables.table(app, found.groups, columns)


def corrected_lines(found: wire.Costs) -> list[str]:
    """What bills have corrected, of each session shown: never silently."""
    return [
        f"{row.name}: corrected by {title_of(row.provider)}'s bill: {signed_dollars(row.corrected_micros)}"
        for row in found.rows
        if row.corrected_micros
    ]


def total_line(found: wire.Costs) -> str:
    """`$1.2000 accrued, at most $2.0000, in 3 sessions`."""
    in_sessions = "" if found.by in ("day", "month") else f", in {plural(_sessions(found), 'session')}"
    return f"{exact(found.accrued)} accrued, at most {exact(found.max_cost)}{in_sessions}"


def _sessions(found: wire.Costs) -> int:
    return len(found.rows) if found.by == "session" else found.sessions


def forecast_lines(found: wire.CostForecast) -> list[str]:
    """How fast money is spent now, and what this month comes to."""
    lines = []
    if found.burn_rate or found.to_come:
        lines.append(
            f"Open sessions cost {money(found.burn_rate)}/h now: {money(found.to_come)} more by their deadlines."
        )
    if found.month_accrued:
        month = f"{local_time(found.month_start_at):%B}"
        said = [f"{money(found.month_accrued)} so far"]
        said += [f"{money(found.month_max)} with open sessions"] if found.to_come else []
        said += (
            [] if found.month_at_pace is None else [f"about {money(found.month_at_pace)} at the pace of the last days"]
        )
        lines.append(f"{month}: {', '.join(said)}.")
    return lines


def spark_line(groups: Sequence[Any]) -> str:
    """The last days as a sparkline; empty where fewer than two of them have costs, which it could not compare."""
    days = [group.accrued for group in groups][-SPARK_DAYS:]
    if sum(1 for day in days if day > 0) < 2:
        return ""
    return f"Last {plural(len(days), 'day')}: {sparkline(days)}  {money(sum(days))}"
