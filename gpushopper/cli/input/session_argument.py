"""Which session a command means: what only shows one takes the beginning of a name, what acts on one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.input.prompts import Declined
from gpushopper.core.model.session_names import EMPTY
from gpushopper.errors import NotFound, UsageError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import SessionView


def check(ref: str) -> str:
    """The name as it was typed.

    Raises:
        UsageError: it is empty, as `"$NAME"` is where the variable was never set.
    """
    if not ref:
        raise UsageError(EMPTY, "see: gpu-shopper ls", code="empty_name")
    return ref


def to_show(app: App, ref: str | None) -> SessionView:
    """The session with this name, id or unique beginning of one; on a terminal the only open one may be left out.

    Raises:
        NotFound: there is none, or more than one begins so.
        UsageError: nothing was named, and nobody can be asked.
    """
    if ref is None:
        return _only(app)
    name = check(ref)
    return app.client.session(name)


def to_act_on(app: App, ref: str | None, *, asks: bool = True) -> SessionView:
    """The session with exactly this name or id, for whatever ends, extends, copies to or runs on it.

    On a terminal the beginning of a name, or no name where one session is open, is answered with what was found and
    a question; `--yes` does not answer it. Without `asks` the only open session is taken: the caller asks about it.

    Raises:
        NotFound: there is no such session.
        Declined: the answer was no.
    """
    if ref is None:
        found = _only(app)
        if asks:
            _confirm(app, f"the only open session is {found.name}", found)
        return found
    name = check(ref)
    found = app.client.session(name)
    if ref in (found.name, found.id):
        return found
    if not app.may_ask():
        raise NotFound(f"no session named {ref}; did you mean {found.name}?", "type its whole name", code="no_session")
    _confirm(app, f"no session named {ref}, but {found.name}", found)
    return found


def _confirm(app: App, text: str, found: SessionView) -> None:
    from gpushopper.cli.output.session_views import gpu, money_line, status

    app.note(f"{text}: {gpu(found)} on {found.provider}, {status(found)}, {money_line(found)}")
    if not click.confirm(f"Do you mean {found.name}?", err=True):
        raise Declined


def _only(app: App) -> SessionView:
    if not app.may_ask():
        raise UsageError("name the session: nobody can be asked here", "see: gpu-shopper ls")
    found = app.client.sessions(only_open=True).sessions
    if not found:
        raise NotFound("there is no open session", "see: gpu-shopper ls -a")
    if len(found) > 1:
        raise UsageError(f"which one? {', '.join(s.name for s in found)}", "name the session")
    return found[0]
