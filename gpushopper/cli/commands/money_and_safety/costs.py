"""`costs`: what was spent and the max cost, per session, and in total by cloud, GPU and consumer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.input.durations import parse_date
from gpushopper.cli.output import json_output, tables
from gpushopper.cli.output.text_format import money, plural

if TYPE_CHECKING:
    from gpushopper.client import JsonObject

COLUMNS = (
    tables.Column("SESSION", lambda r: r.name),
    tables.Column("CONSUMER", lambda r: r.consumer),
    tables.Column("CLOUD", lambda r: r.provider),
    tables.Column("GPU", lambda r: r.gpu or "-"),
    tables.Column("GPU $", lambda r: exact(r.gpu_micros), right=True),
    tables.Column("DISK $", lambda r: exact(r.storage_micros), right=True),
    tables.Column("TRAFFIC $", lambda r: exact(r.traffic_micros), right=True, wide=True),
    tables.Column("MINIMUM $", lambda r: exact(r.minimum_micros), right=True, wide=True),
    tables.Column("ACCRUED", lambda r: exact(r.accrued), right=True),
    tables.Column("AT MOST", lambda r: money(r.max_cost), right=True),
    tables.Column("STATE", lambda r: "final" if r.settled else "open"),
)


def exact(micros: int) -> str:
    """Dollars with four places: a short session must not show as $0.00."""
    from gpushopper.core.model.money import dollars

    return dollars(micros, 4)


@click.group(cls=Group, default="show")
def costs() -> None:
    """Show what was spent, and the max cost by the deadlines."""


@costs.command("show")
@click.option("-c", "--consumer", default="", help="Only this consumer.")
@click.option("-s", "--session", metavar="NAME", help="Only this session.")
@click.option("--start", metavar="DATE", help="Sessions begun on or after this date or time.")
@click.option("--end", metavar="DATE", help="Sessions begun before this date or time.")
@click.pass_obj
def show_costs(app: App, consumer: str, session: str | None, start: str | None, end: str | None) -> None:
    """Show costs by session."""
    found = app.client.costs(
        session="" if session is None else session_argument.to_show(app, session).id,
        consumer=consumer,
        start=parse_date(start, "--start") if start else None,
        end=parse_date(end, "--end") if end else None,
    )
    tables.rows(app, "costs", found.rows, COLUMNS, accrued=found.accrued, max_cost=found.max_cost)
    if app.output in ("table", "wide"):
        if found.rows:
            tables.out("")
        tables.out(f"{exact(found.accrued)} accrued, at most {money(found.max_cost)}, {_count(len(found.rows))}")


def _count(sessions: int) -> str:
    return f"in {plural(sessions, 'session')}"


@costs.command("summary")
@click.pass_obj
def summary(app: App) -> None:
    """Show totals by cloud, GPU and consumer."""
    found = app.client.costs_summary()
    shares = {name: value for name, value in found.items() if name.startswith("by_")}
    if app.as_json:
        plain = {name: value for name, value in found.items() if name not in shares}
        tables.out(json_output.document(**plain, **{name: _amounts(value) for name, value in shares.items()}))
        return
    tables.out(f"{exact(found.accrued)} accrued, at most {money(found.max_cost)}, {_count(found.sessions)}")
    for name, share in shares.items():
        tables.out(f"\n{name.replace('_', ' ')}:")
        tables.facts([(f"  {key or '-'}", exact(amount)) for key, amount in share.items()])


def _amounts(share: JsonObject) -> dict[str, Any]:
    """Wrap each amount in an object: a GPU or consumer may be named like one of our JSON fields."""
    return {name: {"accrued": amount} for name, amount in share.items()}
