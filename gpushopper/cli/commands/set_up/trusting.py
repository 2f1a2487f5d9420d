"""`keys set --same-account`: a person's word that a key is of the account that the sessions are on (F45)."""

from __future__ import annotations

import sys

import click

from gpushopper.cli.app import App
from gpushopper.cli.process.daemon_client import open_client
from gpushopper.core.model.container_image import is_registry
from gpushopper.errors import UsageError


def check(app: App, name: str, is_same: bool, seen: tuple[str, ...]) -> None:
    """Refuse before anything is stored: the word needs the ids of what it is about, typed by who has seen them.

    Raises:
        UsageError: no terminal and no ids, or ids without the word.
    """
    if seen and not is_same:
        raise UsageError("--instance goes with --same-account", "see: gpu-shopper keys set --help")
    if is_same and is_registry(name):
        raise UsageError("a registry has no account of instances", "leave out --same-account")
    if is_same and not seen and not (app.is_interactive() and app.is_terminal(sys.stdin)):
        hint = f"look at the cloud's console, then: gpu-shopper keys set {name} --same-account --instance ID ..."
        raise UsageError("not a terminal: --same-account needs the id of each instance that you see there", hint)


def trust(app: App, name: str, seen: tuple[str, ...]) -> None:
    """Show what would be trusted, ask for the ids where none were given, and have the daemon record it."""
    client = open_client(app)
    found = client.same_account(name)
    if not found.rows:
        app.note(f"nothing open on {name} needs your word")
        return
    for row in found.rows:
        what = f"instance {row.instance_id}" if row.instance_id else "a create whose outcome is unknown"
        app.note(f"{row.session}: {what}")
    typed = list(seen)
    if not typed:
        app.note(f"Their absence will then count as their end. Look at {found.console} with the account of this key.")
        asked = "Type the id of each instance, or the session's name where there is none"
        typed = str(click.prompt(asked, err=True)).replace(",", " ").split()
    client.same_account(name, typed)
    app.note(f"{name}: the key is trusted to be of the same account")
