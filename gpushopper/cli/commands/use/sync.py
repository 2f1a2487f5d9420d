"""`sync up|down`: bring one folder up to date with another; nothing is deleted, and nothing newer replaced."""

from __future__ import annotations

from functools import partial

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.input.options import DRY_RUN
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import plural
from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.copy.path_arguments import CopyArguments, PathArgument, to_text
from gpushopper.cli.remote.copy.sync import Sync
from gpushopper.cli.remote.sent_record import record_files
from gpushopper.errors import UsageError

NAMED = 5
"""How many files a note names."""


@click.command("sync", cls=Command, takes_bytes=True)
@click.argument("direction", type=click.Choice(["up", "down"]))
@click.argument("name")
@click.argument("here", metavar="DIR")
@click.argument("there", metavar="REMOTE")
@click.option("--overwrite", is_flag=True, help="Also replace files that are newer at the target.")
@DRY_RUN
@click.pass_obj
def sync(app: App, direction: str, name: str, here: str, there: str, overwrite: bool, dry_run: bool) -> None:
    """Copy what is new or has changed: up from DIR here to REMOTE there, or down from REMOTE to DIR.

    Nothing is deleted on either side. A file that is newer at the target stays as it is, and is named, unless
    --overwrite is given. The instance needs only a shell and tar; a relative REMOTE starts in the home folder there.
    """
    if not here or not there:
        raise UsageError("an empty path", "for instance: gpu-shopper sync up train src src")
    found = ssh_connection.find(app, name)
    up = direction == "up"
    local = PathArgument(None, ssh_connection.to_bytes(here))
    remote = PathArgument(found.name, ssh_connection.to_bytes(there))
    source, target = (local, remote) if up else (remote, local)
    contents = source._replace(path=source.path.rstrip(b"/") + b"/")
    record = partial(record_files, app, found, "sync")
    done = Sync(app, found, CopyArguments((contents,), target, up), overwrite=overwrite, before_upload=record)
    done.synchronize(dry_run=dry_run)
    sent, newer = [to_text(path) for path in done.sent], [to_text(path) for path in done.newer]
    if app.as_json:
        rows = {"copied": sent, "newer_at_target": newer, "same": done.same, "dry_run": dry_run}
        tables.document(app, direction=direction, here=here, there=there, **rows)
        return
    verb = "would copy" if dry_run else "copied"
    where = f"to {found.name}:{there}" if up else f"from {found.name}:{there}"
    names = f": {_some(sent)}" if dry_run and sent else ""
    app.note(f"{verb} {plural(len(sent), 'file')} {where}, {done.same} the same{names}")
    if newer:
        app.note(f"newer at the target, left as they are: {_some(newer)} (replace them: --overwrite)")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
