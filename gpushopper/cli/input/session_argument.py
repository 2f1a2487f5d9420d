"""Resolve the NAME of a session: an exact name or id where a command acts on it, also a unique prefix to show it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gpushopper.cli.input.prompts import Declined
from gpushopper.cli.process.homes import elsewhere
from gpushopper.core.model.session_names import EMPTY
from gpushopper.errors import NotFound, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import SessionView


def check(ref: str) -> str:
    """The name as typed.

    Raises:
        UsageError: it is empty, as `"$NAME"` with an unset variable is.
    """
    if not ref:
        raise UsageError(EMPTY, "see: gpu-shopper ls", code="empty_name")
    return ref


def named(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names as typed; `-` stands for those on standard input, the first word of each line.

    Raises:
        UsageError: standard input has no name.
    """
    if "-" not in names:
        return names
    found = tuple(words[0] for line in sys.stdin if (words := line.split()))
    if not found:
        raise UsageError("standard input has no name", "for instance: gpu-shopper ls -q | gpu-shopper shutdown - --yes")
    return tuple(each for name in names for each in (found if name == "-" else (name,)))


def also_in_the_sandbox(app: App) -> frozenset[str]:
    """Names of open sessions of the sandbox, while its daemon runs and this command works in the real home.

    A pipe that was to bring them there may have lost its --sandbox on the way here.
    """
    from gpushopper.client import Client

    try:  # whatever is wrong with the sandbox keeps no real session from ending
        other = app.home_of_the_sandbox()
        client = Client(other)
        if other.data == app.home.data or not client.is_up():
            return frozenset()
        return frozenset(each.name for each in client.sessions(only_open=True).sessions)
    except ShopperError:
        return frozenset()


def find(app: App, name: str) -> SessionView:
    """The session with this name, id or unique prefix.

    Raises:
        NotFound: there is none here; where the sandbox has it, or the user's own home, that is said.
    """
    try:
        return app.client.session(name)
    except NotFound as error:
        words = elsewhere(name, app.use_sandbox) if error.code == "session_not_found" else None
        if words is None:
            raise
        raise NotFound(*words, code="session_elsewhere") from error


def to_show(app: App, ref: str | None) -> SessionView:
    """The session with this name, id or unique prefix of one; without a name, on a terminal, the only open session.

    Raises:
        NotFound: there is none, or several have this prefix.
        UsageError: no name was given, and this is not a terminal.
    """
    if ref is None:
        return _only(app)
    return find(app, check(ref))


def to_act_on(app: App, ref: str | None, *, asks: bool = True) -> SessionView:
    """The session with exactly this name or id, for commands that end, extend, copy to or run on it.

    On a terminal, a prefix (or no name while one session is open) leads to a question with the session found;
    `--yes` does not answer it. Without `asks` the only open session is taken: the caller asks about it.

    Raises:
        NotFound: there is no such session.
        Declined: the answer was no.
    """
    if ref is None:
        found = _only(app)
        if asks:
            _confirm(app, f"the only open session is {found.name}", found)
        return found
    found = find(app, check(ref))
    if ref in (found.name, found.id):
        return found
    if not app.is_interactive():
        raise NotFound(f"no session named {ref}; did you mean {found.name}?", "type the whole name", code="no_session")
    _confirm(app, f"no session named {ref}, but {found.name}", found)
    return found


def _confirm(app: App, text: str, found: SessionView) -> None:
    from gpushopper.cli.output.session_views import gpu, money_line, status

    app.note(f"{text}: {gpu(found)} on {found.provider}, {status(found)}, {money_line(found)}")
    if not click.confirm(f"Do you mean {found.name}?", err=True):
        raise Declined


def _only(app: App) -> SessionView:
    if not app.is_interactive():
        raise UsageError("not a terminal: name the session", "see: gpu-shopper ls")
    found = app.client.sessions(only_open=True).sessions
    if not found:
        raise NotFound("there is no open session", "see: gpu-shopper ls -a")
    if len(found) > 1:
        raise UsageError(f"which one? {', '.join(s.name for s in found)}", "name the session")
    return found[0]
