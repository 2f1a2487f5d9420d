"""`backup`: copies of the records; make one, or put one back."""

from __future__ import annotations

from pathlib import Path

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command, Group
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import clock_time, plural
from gpushopper.cli.process import daemon_process
from gpushopper.errors import NotFound

MB = 1_000_000
NEWEST = "newest"


@click.group(cls=Group, default="ls")
def backup() -> None:
    """Copies of the records: sessions, costs, budgets, events. No keys are in them.

    The daemon makes one a day and keeps seven; five from before upgrades are kept, too.
    """


@backup.command("ls", cls=Command)
@click.pass_obj
def list_backups(app: App) -> None:
    """List the backups, the newest first."""
    found, now = daemon_process.run_one_shot_job(app.home, "backup-list").backups, app.now().wall
    columns = (
        tables.Column("MADE", lambda row: clock_time(row.made_at, now), whole=True),
        tables.Column("KIND", lambda row: row.kind, spare=1),
        tables.Column("MB", lambda row: f"{row.size_bytes / MB:.1f}", right=True),
        tables.Column("BACKUP", lambda row: row.name, whole=True),
    )
    tables.rows(app, "backups", found, columns)
    if not found and app.output in ("table", "wide"):
        app.note("There is no backup yet. The daemon makes one a day.")


@backup.command("make", cls=Command)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def make_backup(app: App, file: Path | None) -> None:
    """Make one now: in FILE, which must not exist yet, or as the newest of the seven daily ones."""
    answer = daemon_process.run_one_shot_job(app.home, "backup-make", *([str(file.absolute())] if file else ()))
    if app.as_json:
        tables.document(app, **answer)
    else:
        tables.out(answer.path)


@backup.command("restore", cls=Command)
@click.argument("name")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def restore_backup(app: App, name: str, yes: bool) -> None:
    """Put a backup in the place of the records: a file, one that is listed, or `newest`.

    What happened since it was made is not in it. Instances that were rented since are found by their labels and get
    an hour; no session that the backup knows is ended by its deadline within the first hour, for it may have been
    extended since. The present records are kept beside it.
    """
    source = _file(app, name)
    confirm(app, f"Replace the present records by those of {source.name}?", yes, "Nothing was changed.")
    answer = daemon_process.run_without_daemon(app, "backup-restore", str(source))
    app.client.status()  # starts the daemon: what is open must be watched
    if app.as_json:
        tables.document(app, **answer)
        return
    tables.out(f"Restored from {answer.restored}.")
    if answer.replaced:
        app.note(f"The former records are kept in {answer.replaced}.")
    names = answer.open_sessions
    if names:
        app.note(f"{plural(len(names), 'session')} open in it: {', '.join(names)}.")
    app.note(app.with_sandbox_flag("Look at the deadlines: gpu-shopper ls"))
    app.note(app.with_sandbox_flag("Compare with the clouds: gpu-shopper audit"))


def _file(app: App, name: str) -> Path:
    """The file that is meant: a path, the name of a backup in the home, or `newest`."""
    if Path(name).is_file():
        return Path(name).absolute()
    listed = {row.name: Path(row.path) for row in daemon_process.run_one_shot_job(app.home, "backup-list").backups}
    found = next(iter(listed.values()), None) if name == NEWEST else listed.get(name)
    if found is None:
        raise NotFound("there is no such backup", "see: gpu-shopper backup")
    return found
