"""`notify`: list, add, remove and try channels that alerts are sent over; addresses are prompted for or piped in."""

from __future__ import annotations

import json
import sys

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import ago, plural
from gpushopper.cli.process import daemon_process
from gpushopper.cli.terminal_text import clean
from gpushopper.errors import ProblemsFound, UsageError

NETWORK = ("webhook", "slack", "discord", "ntfy")
KINDS = (*NETWORK, "desktop", "command")
TOPICS = "budgets,ends-soon,ended,runs,alarms"
"""All topics, as in core/alerts/alert.py; a test compares them."""

ON_HELP = f"What it is told, with commas; by default all: {TOPICS.replace(',', ', ')}."


@click.group(cls=Group, default="ls")
def notify() -> None:
    """Be told elsewhere what happens here: before an end, at an end, when a run ends, of budgets and alarms.

    Each channel is tried until it has taken an alert, for about three days; nothing else waits for that. The daemon
    sends, so that a computer which sleeps tells nothing until it wakes.
    """


@notify.command("ls")
@click.pass_obj
def list_channels(app: App) -> None:
    """Show where alerts are sent, and what has not arrived."""
    found = app.client.channels().channels
    now = app.now().wall
    columns = [
        tables.Column("CHANNEL", lambda c: c.name),
        tables.Column("KIND", lambda c: c.kind if c.enabled else f"{c.kind} (off)", whole=True),
        tables.Column("LAST TAKEN", lambda c: ago(c.delivered_at, now) if c.delivered_at else "never", whole=True),
        tables.Column("WAITING", lambda c: c.waiting, right=True),
        tables.Column("TOLD OF", lambda c: _topics(c.on)),
        tables.Column("PROBLEM", lambda c: c.problem or "-"),
    ]
    tables.rows(app, "channels", found, columns)
    if not found and not app.as_json:
        app.note(app.with_sandbox_flag("Nobody is told. Add a channel: gpu-shopper notify add desk --kind desktop"))


@notify.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What is at the other end.")
@click.option(
    "--on",
    "topics",
    metavar="TOPICS",
    default=TOPICS,
    help=ON_HELP,
)
@click.option("--file", "in_file", is_flag=True, help="Keep the address in the key file: where there is no keyring.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- PROGRAM ...]")
@click.pass_obj
def add(app: App, name: str, kind: str, topics: str, in_file: bool, command: tuple[str, ...]) -> None:
    """Add a channel, or replace the one of that name.

    The address of a webhook is prompted for, or is a line on stdin; it is kept like a key. A second line may be the key
    that signs (webhook; without one it is made and shown once) or an access token (ntfy). Addresses are https, or http
    on this computer.

    --kind command runs the program after -- for each alert, with the alert as JSON on its stdin and 30 s of time.

    A topic may also be one kind of alarm, such as destroy_overdue.
    """
    _check_name(name)
    if command and kind != "command":
        hint = f"run: gpu-shopper notify add {name} --kind {kind}; it prompts for the address"
        raise UsageError("do not give the address on the command line, where others can read it", hint)
    given: dict[str, object] = {"command": list(command)}
    if kind in NETWORK:
        given |= _read_address(app, name, kind)
    words = ("notify-add", name, kind, ",".join(word.strip() for word in topics.split(",")))
    answer = daemon_process.run_one_shot_job(
        app.home, *words, *(("file",) if in_file else ()), secret=json.dumps(given)
    )
    if app.as_json:
        tables.document(app, **answer)
        return
    stored = f"; its address is in {answer.source}" if answer.source else ""
    tables.out(f"{name}: added{stored}")
    if answer.signing_key:
        tables.out(f"Messages are signed (Standard Webhooks). The receiver needs this key: {answer.signing_key}")
    app.note(app.with_sandbox_flag(f"Try it: gpu-shopper notify test {name}"))


@notify.command("rm")
@click.argument("name")
@click.pass_obj
def remove(app: App, name: str) -> None:
    """Remove a channel and its address.

    Alerts that wait for it are given up.
    """
    answer = daemon_process.run_one_shot_job(app.home, "notify-rm", name)
    if app.as_json:
        tables.document(app, **answer)
        return
    tables.out(f"{name}: removed")
    if answer.warning:
        app.note(f"warning: {answer.warning}")


@notify.command("test")
@click.argument("name", required=False)
@click.pass_obj
def test(app: App, name: str | None) -> None:
    """Send a message over one channel, or over all. Exits 9 if one does not take it."""
    names = [name] if name else [channel.name for channel in app.client.channels().channels if channel.enabled]
    if not names:
        raise UsageError("there is no channel yet", "add one: gpu-shopper notify add desk --kind desktop")
    found = [app.client.test_channel(each) for each in names]
    if app.output not in ("table", "wide"):
        tables.rows(app, "channels", found, (), name="channel")
    else:
        for each in found:
            tables.out(f"{each.channel}: {'taken' if each.delivered else f'not taken: {clean(each.problem)}'}")
    failed = [each for each in found if not each.delivered]
    if failed:
        if app.as_json:
            raise click.exceptions.Exit(ProblemsFound.exit_code)
        hint = app.with_sandbox_flag(f"when it is corrected: gpu-shopper notify test {failed[0].channel}")
        raise ProblemsFound(f"{plural(len(failed), 'channel')} did not take the test", hint)


def _check_name(name: str) -> None:
    """Refuse a name before its address is asked for; the daemon's job checks it again.

    Raises:
        UsageError: it cannot be a channel's name.
    """
    from gpushopper.config import ACCOUNT_NAME, CHANNEL_NAME_RULE

    if not ACCOUNT_NAME.fullmatch(name):
        raise UsageError(CHANNEL_NAME_RULE, "such as: desk")


def _topics(on: list[str]) -> str:
    return "everything" if set(on) == set(TOPICS.split(",")) else ", ".join(on)


def _read_address(app: App, name: str, kind: str) -> dict[str, object]:
    """Address and key, typed without echo or as lines on stdin."""
    if not app.is_terminal(sys.stdin):
        lines = [line.strip() for line in sys.stdin.read(10_000).splitlines() if line.strip()]
        if not 1 <= len(lines) <= 2:
            hint = f"type it: gpu-shopper notify add {name} --kind {kind}"
            raise UsageError("no address on stdin: one line, and the key on a second where there is one", hint)
        return {"address": lines[0], "key": lines[1] if len(lines) > 1 else ""}
    given = {"address": click.prompt(f"Address of {name} ({kind})", hide_input=True, err=True), "key": ""}
    what = {"webhook": "Signing key (empty: a new one is made)", "ntfy": "Access token (empty: none)"}.get(kind)
    if what is not None:
        given["key"] = click.prompt(what, default="", show_default=False, hide_input=True, err=True)
    return dict(given)
