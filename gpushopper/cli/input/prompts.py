"""Ask before something is spent or destroyed, and what a no is."""

from __future__ import annotations

import click

from gpushopper.cli.app import App
from gpushopper.errors import UsageError


class Declined(click.Abort):
    """Somebody was asked, and said no."""


def confirm(app: App, question: str, yes: bool) -> None:
    """Ask before spending or destroying; without a terminal `--yes` must have been given.

    Raises:
        Declined: the answer was no.
    """
    if yes:
        return
    if not app.may_ask():
        raise UsageError("nobody can be asked here, and --yes was not given", "add --yes, or --dry-run to look first")
    if not click.confirm(question, err=True):
        raise Declined
