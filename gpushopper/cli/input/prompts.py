"""The confirmation prompt before money is spent or something is destroyed; `--yes` answers it."""

from __future__ import annotations

import click

from gpushopper.cli.app import App
from gpushopper.errors import UsageError


class Declined(click.Abort):
    """The answer to a confirmation prompt was no; `outcome` says what was not done."""

    def __init__(self, outcome: str = "Nothing was done.") -> None:
        super().__init__()
        self.outcome = outcome


def confirm(app: App, question: str, yes: bool, outcome: str = "Nothing was done.") -> None:
    """Ask before spending or destroying; where no prompt is possible, `--yes` is required.

    Raises:
        Declined: the answer was no.
        UsageError: no prompt is possible, and `--yes` was not given.
    """
    if yes:
        return
    if not app.is_interactive():
        hint = "or --dry-run to see what would be done" if _can_dry_run() else "it would ask, and nobody could answer"
        raise UsageError("not a terminal: add --yes", hint)
    if not click.confirm(question, err=True):
        raise Declined(outcome)


def _can_dry_run() -> bool:
    ctx = click.get_current_context(silent=True)
    return ctx is not None and any(each.name == "dry_run" for each in ctx.command.params)
