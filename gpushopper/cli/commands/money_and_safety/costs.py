"""`costs`: what was spent and the max cost, over any span of time, by session or by whom, where, on what and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.input.durations import parse_moment
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import plural
from gpushopper.errors import ProblemsFound, UsageError

if TYPE_CHECKING:
    from gpushopper import wire

GROUPS = ("session", "consumer", "cloud", "account", "gpu", "tag", "day", "month")
PROBLEMS = 9
"""The exit status where rollups were wrong."""
PERIODS = ("daily", "monthly")
SHARES = {"by_provider": "by cloud", "by_gpu": "by GPU"}
"""Headings of a summary, where the field's own name is not what tables say."""
CSV_BY_SESSION = (
    "name", "session", "consumer", "provider", "gpu", "gpu_micros", "storage_micros", "traffic_micros",
    "minimum_micros", "accrued", "max_cost", "settled",
)  # fmt: skip
CSV_BY_NAME = ("sessions", "gpu_micros", "storage_micros", "traffic_micros", "minimum_micros", "accrued")
CSV_BY_TIME = ("start_at", "end_at", *CSV_BY_NAME[1:])
"""Fields of a group, after its key."""
EXTRA = ("accrued", "max_cost", "by", "start_at", "end_at", "time_zone", "forecast")
"""What the JSON document says beside the rows."""

Command = Callable[..., Any]


def window_options(command: Command) -> Command:
    """`--period`, `--since`, `--until`, and the forerunner's names of them."""
    for add in (
        click.option("--until", "--end", "end", metavar="WHEN", help="Costs before a date, a time or a span (1d)."),
        click.option("--since", "--start", "start", metavar="WHEN", help="Costs since a date, a time or a span (7d)."),
        click.option("-p", "--period", type=click.Choice(PERIODS), help="Costs of today or of this month."),
    ):
        command = add(command)
    return command


def read_window(app: App, period: str | None, start: str | None, end: str | None) -> dict[str, Any]:
    """The window of the options, as the client takes it.

    Raises:
        UsageError: it is given twice, is empty, or is not a time.
    """
    if period and (start or end):
        raise UsageError("--period says which time already", "leave out --since and --until")
    now = app.now().wall
    first = parse_moment(start, "--since", now) if start else None
    last = parse_moment(end, "--until", now) if end else None
    if first is not None and last is not None and first >= last:
        raise UsageError("--since is not before --until", "exchange them")
    return {"period": period or "", "start": first, "end": last}


@click.group(cls=Group, default="show")
def costs() -> None:
    """Show what was spent, and the max cost by the deadlines.

    All options: costs show --help
    """


@costs.command("show")
@click.option("-c", "--consumer", default="", metavar="NAME", help="Only this consumer.")
@click.option("-s", "--session", metavar="NAME", help="Only this session.")
@click.option("--tag", default="", metavar="KEY[=VALUE]", help="Only sessions with this tag.")
@window_options
@click.option("--by", type=click.Choice(GROUPS), default="session", help="Group the costs.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, amounts in dollars.")
@click.option("--rebuild", is_flag=True, help="Add the ledger up anew by day and month: changes nothing.")
@click.option("--verify", is_flag=True, help="Read the clouds' own bills and compare them. Exits 9 on a difference.")
@click.pass_obj
def show_costs(app: App, /, session: str | None, as_csv: bool, rebuild: bool, verify: bool, **given: Any) -> None:
    """Show costs: all of them, or those incurred in a span of time.

    A session that began before it counts with its part, to the second. Days and months are those of your time zone.
    """
    if as_csv and app.output not in ("table", "csv"):
        raise UsageError("--csv is an output format of its own", "leave out -o or --json")
    if verify:
        if session or as_csv or rebuild or any(value for name, value in given.items() if name != "by"):
            raise UsageError("--verify is about all sessions", "leave out the other options, but for -o and --json")
        _verify(app)
        return
    is_sound = _rebuild(app) if rebuild else True
    window = read_window(app, given.pop("period"), given.pop("start"), given.pop("end"))
    ref = "" if session is None else session_argument.to_show(app, session).id
    found = app.client.costs(session=ref, **given, **window)
    if as_csv or app.output == "csv":
        _print_csv(found)
    else:
        _print(app, found, ref, given)
    if not is_sound:
        raise click.exceptions.Exit(PROBLEMS)


def _print(app: App, found: wire.Costs, ref: str, given: dict[str, Any]) -> None:
    from gpushopper.cli.output.money import cost_views

    extra = {name: getattr(found, name) for name in EXTRA}
    if found.by == "session":
        tables.rows(app, "costs", found.rows, cost_views.BY_SESSION, **extra)
    elif app.output in ("table", "wide"):
        cost_views.print_groups(app, found)
    else:
        tables.rows(app, "costs", found.groups, (), name="key", **extra)
    if app.output not in ("table", "wide"):
        return
    if found.rows or found.groups:
        tables.out("")
    tables.sentences([*cost_views.corrected_lines(found), cost_views.total_line(found)])
    if found.forecast is not None and (found.end_at is None or found.end_at > app.now().wall):
        print_forecast(app, found, ref, given)


def print_forecast(app: App, found: wire.Costs, ref: str, given: dict[str, Any]) -> None:
    """What is still to come, and the last days: of the same consumer and tag as the costs above."""
    from gpushopper.cli.output.money import bars, cost_views

    assert found.forecast is not None
    tables.sentences(cost_views.forecast_lines(found.forecast))
    if found.by == "session" and not ref and found.start_at is None and bars.can_draw(app):
        start = app.now().wall - (cost_views.SPARK_DAYS - 1) * 24 * 3600 * 10**6
        days = app.client.costs(by="day", start=start, consumer=given["consumer"], tag=given["tag"]).groups
        if line := cost_views.spark_line(days):
            tables.out(line)


def _print_csv(found: wire.Costs) -> None:
    from gpushopper.cli.output.documents.csv_output import of_fields

    if found.by == "session":
        tables.out(of_fields(found.rows, CSV_BY_SESSION))  # type: ignore[arg-type]
        return
    rows = [{found.by: group["key"], **group} for group in found.groups]  # type: ignore[index, dict-item]
    tables.out(of_fields(rows, (found.by, *(CSV_BY_TIME if found.by in ("day", "month") else CSV_BY_NAME))))


def _verify(app: App) -> None:
    """Have the clouds' bills read, and show them beside what was counted here.

    Raises:
        ProblemsFound: a bill differs by more than a dollar and 5 %.
    """
    from gpushopper.cli.output.money import bills_view

    found = app.client.verify_costs()
    bills_view.print_bills(app, found)
    if problem := bills_view.problem_text(found):
        consoles = " and ".join(sorted({one.console for one in found.accounts if one.source != "nothing"}))
        raise ProblemsFound(problem, f"look at the bill: {consoles}")


def _rebuild(app: App) -> bool:
    """Have the rollups made anew, and say on stderr whether they are as before."""
    made = app.client.rebuild_costs()
    same = "nothing changed" if made.is_same else "they were different before; please report this"
    app.note(f"{plural(made.rollups, 'sum')} by day and month made anew from the ledger: {same}")
    return made.is_same


@costs.command("summary")
@click.option("-c", "--consumer", default="", metavar="NAME", help="Only this consumer.")
@window_options
@click.pass_obj
def summary(app: App, consumer: str, period: str | None, start: str | None, end: str | None) -> None:
    """Show totals by cloud, GPU and consumer, at once."""
    from gpushopper.cli.output.money.cost_views import exact

    found = app.client.costs_summary(consumer=consumer, **read_window(app, period, start, end))
    shares = {"by_provider": found.by_provider, "by_gpu": found.by_gpu, "by_consumer": found.by_consumer}
    if app.as_json:
        plain = {"accrued": found.accrued, "max_cost": found.max_cost, "sessions": found.sessions}
        tables.document(app, **plain, **{name: _amounts(value) for name, value in shares.items()})
        return
    count = plural(found.sessions, "session")
    tables.sentences([f"{exact(found.accrued)} accrued, at most {exact(found.max_cost)}, in {count}"])
    for name, share in shares.items():
        tables.out(f"\n{SHARES.get(name, name.replace('_', ' '))}:")
        tables.facts([(f"  {key or '-'}", exact(amount)) for key, amount in share.items()])


def _amounts(share: Mapping[str, int]) -> dict[str, Any]:
    """Wrap each amount in an object: a GPU or consumer may be named like one of our JSON fields."""
    return {name: {"accrued": amount} for name, amount in share.items()}
