"""`sessions`: the group of session verbs, and `sessions list`; the other verbs are imported when they are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group, add_options
from gpushopper.cli.output import tables
from gpushopper.errors import UsageError

if TYPE_CHECKING:
    from gpushopper.wire import SessionView

LIST = (
    click.option("-c", "--consumer", default="", metavar="NAME", help="Only sessions of this consumer."),
    click.option("-s", "--status", default="", help="Only sessions in this status: running, destroyed, failed, ..."),
    click.option("-a", "--all", "everything", is_flag=True, help="Ended sessions too."),
    click.option("-w", "--watch", is_flag=True, help="Show it again every 2 s, until Ctrl-C."),
)
VERBS = {
    "get": "sessions.get:get",
    "extend": "sessions.extend:extend",
    "done": "sessions.done:done",
    "delete": "sessions.delete:delete",
    "receipt": "sessions.receipt:receipt",
}


@click.group(cls=Group, default="list", lazy=VERBS)
def sessions() -> None:
    """List, show, extend and end sessions.

    Without a verb: list. A NAME is a name or an id; to get and receipt also the beginning of one.
    """


@sessions.command("list")
@add_options(LIST)
@click.pass_obj
def list_sessions(app: App, consumer: str, status: str, everything: bool, watch: bool) -> None:
    """List open sessions.

    GUARDS are who ends one at its deadline: the daemon, the instance itself, the cloud by its own timer. A narrow
    terminal leaves out the daemon, which always does.
    """
    only_open = not (everything or status)
    known = "stopped" if status == "destroyed" else status
    if status:
        _refuse_unknown(known)

    def fetch() -> list[SessionView]:
        return list(app.client.sessions(consumer=consumer, status=known, only_open=only_open).sessions)

    def show(found: Sequence[SessionView]) -> None:
        tables.rows(app, "sessions", found, _columns(app))
        if not found and app.output in ("table", "wide"):
            app.note("No open sessions (-a shows ended ones)." if only_open else "No sessions.")

    if watch:
        from gpushopper.cli.commands.sessions.list_watch import watch as show_again

        show_again(app, fetch, show)
    else:
        show(fetch())


def _refuse_unknown(status: str) -> None:
    """A mistyped status would look as if there were no such session.

    Raises:
        UsageError: it is no status.
    """
    from gpushopper.core.model.session import Status  # a list without a filter does without

    if status not in list(Status):
        from gpushopper.cli.output.session_views import status_words

        raise UsageError(f"there is no status {status}", f"one of {', '.join(status_words())}")


def _columns(app: App) -> list[tables.Column]:
    if app.as_json:
        return []
    from gpushopper.cli.output.session_views import columns

    return columns(app.now().wall)
