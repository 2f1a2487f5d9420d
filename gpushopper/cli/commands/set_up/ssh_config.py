"""`ssh-config`: make running sessions known as hosts to the user's own ssh, scp, rsync and editor."""

from __future__ import annotations

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import tables
from gpushopper.cli.remote import ssh_config_include


@click.group("ssh-config", cls=Group, default="print")
def ssh_config() -> None:
    """Make running sessions known to your own ssh as gpu-shopper-NAME.

    The daemon keeps their entries in a file of its own; your ~/.ssh/config needs one line that includes it.
    """


@ssh_config.command("print")
@click.pass_obj
def print_config(app: App) -> None:
    """Print the line for ~/.ssh/config, and the entries it includes."""
    managed = app.home.ssh_config
    line = ssh_config_include.include_line(managed).decode().strip()
    entries = managed.read_text(encoding="utf-8", errors="replace") if managed.exists() else ""
    if app.as_json:
        is_in = line.encode() + b"\n" in ssh_config_include.read(ssh_config_include.user_config()).content.splitlines(
            keepends=True
        )
        tables.document(app, include=line, installed=is_in, entries=entries)
        return
    tables.out(line)
    if entries:
        tables.out(f"\n{entries.rstrip()}")


@ssh_config.command("install")
@click.pass_obj
def install(app: App) -> None:
    """Add the line at the top of ~/.ssh/config; everything else stays as it is."""
    line = ssh_config_include.include_line(app.home.ssh_config)
    own = ssh_config_include.read(ssh_config_include.user_config())
    _write(app, own.content, ssh_config_include.with_line(own.content, line), own, "installed")


@ssh_config.command("remove")
@click.pass_obj
def remove(app: App) -> None:
    """Remove the line from ~/.ssh/config; everything else stays as it is."""
    line = ssh_config_include.include_line(app.home.ssh_config)
    own = ssh_config_include.read(ssh_config_include.user_config())
    _write(app, own.content, ssh_config_include.without_line(own.content, line), own, "removed")


def _write(app: App, before: bytes, after: bytes, own: ssh_config_include.UserSshConfig, done: str) -> None:
    backup = ssh_config_include.replace(own, after) if after != before else None
    if app.as_json:
        kept = str(backup) if backup else None
        tables.document(app, path=str(own.path), changed=after != before, backup=kept)
        return
    if after == before:
        app.note(f"{own.path}: nothing to do")
        return
    app.note(f"{own.path}: {done}" + (f"; backup: {backup}" if backup else ""))
