"""`daemon purge`: remove records, keys and settings of this home, once nothing can bill any more."""

from __future__ import annotations

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import tables
from gpushopper.cli.process import daemon_process, sandbox_process
from gpushopper.cli.process.homes import refuse_sandbox
from gpushopper.cli.process.supervisor.installed import installed_manager
from gpushopper.client import JsonObject
from gpushopper.errors import Misconfigured, Refused

SEEN_OPTION = "--i-checked-the-console"


@click.command("purge", cls=Command)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option(SEEN_OPTION, "has_seen", is_flag=True, help="Clouds that do not answer: you saw that nothing runs there.")
@click.pass_obj
def purge(app: App, yes: bool, dry_run: bool, has_seen: bool) -> None:
    """Remove everything here: records, costs, kept outputs, keys, settings. Refused while anything may bill.

    Each account is looked at first. Results that were pulled elsewhere stay, and so does the program.
    """
    refuse_sandbox(app.use_sandbox, "nothing is purged; to set it aside: gpu-shopper sandbox start --fresh")
    sandbox_process.refuse_while_running(app.home)
    _refuse_open_sessions(app)
    if dry_run:
        _print_plan(app)
        return
    question = f"Remove all records, costs, kept outputs, keys and settings in {app.home.data}? There is no way back."
    confirm(app, question, yes, "Nothing was removed.")
    answer = _purge(app, has_seen=has_seen)
    manager = installed_manager(app.home)
    if manager is not None:
        try:
            manager.uninstall()
        except Misconfigured as refused:
            answer.warnings.append(refused.message)
        manager.path.unlink(missing_ok=True)
        manager.forget()
    _print(app, answer)


def _refuse_open_sessions(app: App) -> None:
    """Before a daemon is stopped for it; the job looks again, at the accounts, too."""
    client = app.client_without_start()
    names = [each.name for each in client.sessions(only_open=True).sessions] if client.is_up() else []
    if names:
        hint = "end them: gpu-shopper shutdown --all --wait proven"
        raise Refused(f"may still bill: {', '.join(names)}", hint, code="may_bill")


def _purge(app: App, *, has_seen: bool) -> JsonObject:
    answer = daemon_process.run_without_daemon(app, "purge", *(["seen"] if has_seen else []), keeps_stopped=True)
    assert isinstance(answer, JsonObject)
    return answer


def _print_plan(app: App) -> None:
    """What is there to be removed, without a look at the accounts."""
    answer = daemon_process.run_one_shot_job(app.home, "purge", "list")
    if app.as_json:
        tables.document(app, would_remove=answer.would_remove, secrets=answer.secrets)
        return
    for path in answer.would_remove:
        tables.out(path)
    if answer.secrets:
        tables.out(f"what is stored for {', '.join(answer.secrets)}")
    app.note("Nothing was removed. Each account is looked at before anything is.")


def _print(app: App, answer: JsonObject) -> None:
    if app.as_json:
        tables.document(app, **answer)
        return
    for path in answer.removed:
        tables.out(f"removed: {path}")
    if answer.secrets:
        tables.out(f"removed: what was stored for {', '.join(answer.secrets)}")
    if not answer.removed:
        app.note("There was nothing to remove.")
    for warning in answer.warnings:
        app.note(f"warning: {warning}")
    app.note("What you have added elsewhere stays: a line in ~/.ssh/config, completions of your shell.")
