"""`shutdown`: end several sessions, or all, and report the names that match none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.sessions.ending import WAIT, await_end, end_sessions, print_ended
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.errors import NotFound, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import SessionView

TWIN = "which_home"
"""The code of the error about a name that is open in both homes."""


@click.command("shutdown", cls=Command)
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every open session.")
@click.option("-f", "--force", is_flag=True, help="At once, without a graceful end.")
@add_options(WAIT)
@click.pass_obj
def shutdown(
    app: App,
    names: tuple[str, ...],
    everything: bool,
    force: bool,
    until_stage: str,
    no_wait: bool,
    timeout: int,
    dry_run: bool,
    yes: bool,
) -> None:
    """End sessions and wait until they are off.

    `off` means that the cloud no longer lists the instance; the daemon then verifies that it is gone. `--wait proven`
    waits for the receipt: only then it is called destroyed. The name - reads names from standard input, one a line:
    gpu-shopper ls -q --consumer alice | gpu-shopper shutdown - --yes
    """
    found, unknown = _chosen(app, names, everything, yes)
    if not found:
        app.note("There is no open session.")
        print_ended(app, [])
        return
    end_sessions(app, found, force=force, everything=everything, yes=yes, dry_run=dry_run)
    if not dry_run:
        await_end(app, found, "accepted" if no_wait else until_stage, timeout)
    if unknown:
        raise _not_ended(unknown)


def _chosen(
    app: App, names: tuple[str, ...], everything: bool, yes: bool
) -> tuple[list[SessionView], dict[str, ShopperError]]:
    """The sessions to end, and why the other names match none: those found are ended all the same, for they bill.

    A name that came through a pipe and is open in the sandbox, too, counts as one that matches none.

    Raises:
        UsageError, NotFound: no name matches.
    """
    if everything and names:
        raise UsageError("give names or --all, not both", "see: gpu-shopper ls")
    if everything:
        return list(app.client.sessions(only_open=True).sessions), {}
    if not names and not app.is_interactive():
        raise UsageError("name the sessions, or --all", "see: gpu-shopper ls")
    found: dict[str, SessionView] = {}
    unknown: dict[str, ShopperError] = {}
    typed, names = names, session_argument.named(names)
    twins = session_argument.also_in_the_sandbox(app) if "-" in typed else frozenset()
    for ref in names or (None,):
        try:
            if ref in twins and ref not in typed:
                raise _twin(ref)
            session = session_argument.to_act_on(app, ref, asks=yes)
            found[session.id] = session
        except (NotFound, UsageError) as error:
            if ref is None:
                raise
            unknown[ref] = error
    faults = sorted(unknown.values(), key=lambda error: error.exit_code)
    raised = faults.pop(0) if faults and not found else None
    for fault in faults:
        app.note(f"will not be ended: {fault.message}")
    if raised:
        raise raised
    return list(found.values()), unknown


def _not_ended(unknown: dict[str, ShopperError]) -> ShopperError:
    """The error after the others were ended: 3 for names that match none, 2 for an empty one or one of two homes."""
    what = ", ".join(ref or "an empty name" for ref in unknown)
    twins = [error for error in unknown.values() if error.code == TWIN]
    if twins:
        return UsageError(f"not ended: {what}", twins[0].hint, code="not_all_found")
    kind = NotFound if all(unknown) else UsageError
    return kind(f"no such session, so not ended: {what}", "see: gpu-shopper ls", code="not_all_found")


def _twin(name: str | None) -> UsageError:
    text = f"{name} came through a pipe, and is open in the sandbox, too"
    hint = f"that one: gpu-shopper --sandbox shutdown {name}, this one: gpu-shopper shutdown {name}"
    return UsageError(text, hint, code=TWIN)
