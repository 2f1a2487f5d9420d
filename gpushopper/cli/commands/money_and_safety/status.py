"""`status`: daemon, accounts, what may still bill, and alarms; exit status 9 while an alarm is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.output.disk_space import low_disk_text
from gpushopper.cli.output.endings import tonight_view
from gpushopper.cli.output.text_format import age, ago, money, per_hour, plural
from gpushopper.cli.terminal_text import clean
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.wire import AlarmView, DaemonStatus, SessionView

PROBLEMS = 9


@click.command("status", cls=Command)
@click.pass_obj
def status(app: App) -> None:
    """Show daemon, clouds, open costs and alarms. Exits 9 while an alarm is open.

    LASTS: for how long a balance lasts at what its instances cost now. With -o wide also when each job last ran.

    Tonight: what may still bill if nobody does anything, at most how much, until when, and who ends it.
    """
    app.shows_alarms = False
    found = app.client.status()
    alarms = [alarm for alarm in app.client.alarms().alarms if alarm.acknowledged_at is None]
    sessions = app.client.sessions(only_open=True).sessions
    by_budget = tonight_view.budget_ends(app.client.budgets().budgets, found.now) if sessions else {}
    if app.as_json:
        # `alarms` is a count in the daemon's answer; the rows are a field of their own beside it.
        tables.document(app, status=found, alarms=alarms, tonight=_fields(sessions, by_budget))
    elif app.output in ("name", "csv"):
        tables.rows(app, "providers", found.providers, ())
    else:
        _print_status(app, found, alarms, sessions, by_budget)
    if alarms:
        raise click.exceptions.Exit(PROBLEMS)


def _fields(sessions: list[SessionView], by_budget: dict[str, str]) -> dict[str, object]:
    """What may still bill, for a JSON document."""
    rows = tonight_view.tonight(sessions, by_budget)
    shown = [
        {"name": row.name, "at_most_micros": row.at_most, "until_at": row.until_at, "ended_by": row.ended_by,
         "sooner": row.sooner,
         "bills_on": row.bills_on}
        for row in rows
    ]  # fmt: skip
    return {"at_most_micros": sum(row.at_most for row in rows), "sessions": shown}


def _print_status(
    app: App, found: DaemonStatus, alarms: list[AlarmView], sessions: list[SessionView], by_budget: dict[str, str]
) -> None:
    now = found.now
    open_money = f"{money(found.open_accrued)} so far, at most {money(found.open_max_cost)}"
    if found.sessions_open:
        open_line = f"{plural(found.sessions_open, 'session')}, {per_hour(found.open_rate)}, {open_money}"
    else:
        open_line = "no session"
    policy = "" if found.policy == "real" else f"{found.policy} (sandbox: times are shortened)"
    tables.facts(
        [
            ("daemon", f"{found.version}, process {found.pid}, up {age(found.started_at, now)}"),
            ("home", found.home),
            ("installation", found.installation),
            ("disk", low_disk_text(found.disk_free) if found.disk_low else ""),
            ("policy", policy),
            ("open", open_line),
            ("waiting", f"for an account that can rent: {', '.join(found.waiting)}" if found.waiting else ""),
            ("guards", app.with_sandbox_flag(_guards(found))),
            ("jobs", _jobs(found) if app.output == "wide" else ""),
            ("alerts", _channels(found)),
            ("alarms", len(alarms) or "none"),
        ]
    )
    tonight_view.print_tonight(app, sessions, by_budget, now)
    tables.out("")
    tables.table(app, found.providers, _columns(now))
    if all(each.key_state == "missing" for each in found.providers):
        tables.out(app.with_sandbox_flag("no cloud has a key; see: gpu-shopper keys"))
    for name, why in found.skipped_clouds.items():
        tables.sentences(["", f"warning: the cloud {clean(name)} is left out: {clean(why)}"])
    for account in found.providers:
        if said := "; ".join(filter(None, (account.detail, account.key_hint))):
            tables.sentences(["", f"{account.name}: {clean(app.with_sandbox_flag(said))}"])
    for alarm in alarms:
        tables.sentences(["", f"alarm {alarm.id} ({ago(alarm.raised_at, now)}): {clean(alarm.text)}"])
        if alarm.hint:
            tables.sentences([f"  {clean(app.with_sandbox_flag(alarm.hint))}"])


def _channels(found: DaemonStatus) -> str:
    """Where alerts are sent, and what does not arrive; empty without channels."""
    troubled = [
        f"{each.name}: {each.waiting} waiting, {clean(each.problem)}" for each in found.channels if each.problem
    ]
    names = ", ".join(each.name for each in found.channels if each.enabled)
    return "; ".join(troubled) or (f"sent to {names}" if names else "")


def _guards(found: DaemonStatus) -> str:
    """What enforces deadlines: for simulated instances only the daemon (S1)."""
    alone = "daemon, and each instance that GUARDS names in: gpu-shopper ls"
    return alone if found.is_guarded else "daemon only (simulated instances)"


def _jobs(found: DaemonStatus) -> str:
    """When each periodic job last ran: for somebody who looks for a fault of the daemon."""
    return ", ".join(f"{name} {_ago(at, found.now)}" for name, at in found.jobs.items())


def _ago(at: int, now: int) -> str:
    return ago(at, now) if at else "not yet"


def _columns(now: int) -> list[tables.Column]:
    return [
        tables.Column("CLOUD", lambda p: p.name),
        tables.Column("STATE", lambda p: p.state, whole=True),
        tables.Column("OPEN", lambda p: p.open_attempts, right=True),
        tables.Column("BALANCE", lambda p: money(p.balance), right=True, whole=True),
        tables.Column("LASTS", lambda p: "-" if p.runway_us is None else span(p.runway_us), right=True),
        tables.Column("LAST COMPLETE LIST", lambda p: _list_age(p, now), whole=True, brief="LISTED", spare=2),
        tables.Column("KEY", lambda p: p.key_source.split(" ")[0] or "-", whole=True, spare=1),
        tables.Column("ACCOUNT", lambda p: p.account, whole=True, wide=True),
        tables.Column("KEY FROM", lambda p: p.key_source or "-", wide=True),
    ]


def _list_age(provider: Any, now: int) -> str:
    at = provider.last_complete_list_at
    return ago(at, now) if at else "never"
