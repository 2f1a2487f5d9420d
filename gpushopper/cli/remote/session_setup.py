"""Set up a new instance over ssh once it is ready: `provision --env`, `--secret-env`, `--setup`, `--onstart`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.input.env_file import read_env_files
from gpushopper.cli.input.exit_passthrough import OWN_FAILURE
from gpushopper.cli.input.options import VARIABLES
from gpushopper.cli.remote import follow_run, runs, ssh_connection
from gpushopper.cli.remote.sent_record import record_setup
from gpushopper.core.model.shell_environment import INSTALL_VARIABLES, exports, over_ssh
from gpushopper.errors import ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView, Plan, SessionView

MOST_BYTES = 1024 * 1024
LONGEST_CREATE_VARIABLE = 256
"""Characters of a name or a value that a create accepts at every cloud; longer ones are sent over ssh only."""
OPTIONS = (
    *VARIABLES,
    click.option("--setup", metavar="FILE", help="Run this script there, and wait for it."),
    click.option("--onstart", metavar="FILE", help="Start this script there, and do not wait."),
)

_UPLOAD = """
umask 077
mkdir -p "$HOME/.gpu-shopper" && cat >"$HOME/.gpu-shopper/{name}.new" && chmod 700 "$HOME/.gpu-shopper/{name}.new" &&
mv "$HOME/.gpu-shopper/{name}.new" "$HOME/.gpu-shopper/{name}"
"""


@dataclass(frozen=True, slots=True)
class SessionSetup:
    """The set-up that the options request, read and checked before anything is rented."""

    variables: dict[str, str]
    setup: bytes | None
    onstart: bytes | None
    plain: dict[str, str]
    """The variables that are no secrets: the create carries them too, so that the image's start-up sees them."""

    @property
    def is_empty(self) -> bool:
        return not self.variables and self.setup is None and self.onstart is None


def read(given: dict[str, Any]) -> SessionSetup:
    """Take the set-up options out of the options of `provision`.

    Raises:
        UsageError: a file cannot be read, or a variable is not set.
    """
    plain = runs.variables(given["plain"], (), os.environ)
    variables = read_env_files(given.pop("env_files"), os.environ)
    variables |= runs.variables(given.pop("plain"), given.pop("secret"), os.environ)
    in_create = {name: text for name, text in plain.items() if max(len(name), len(text)) <= LONGEST_CREATE_VARIABLE}
    return SessionSetup(variables, _read_file(given.pop("setup")), _read_file(given.pop("onstart")), in_create)


def _read_file(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not content or len(content) > MOST_BYTES:
        raise UsageError(f"{path} is empty" if not content else f"{path} is larger than 1 MB", "copy it later: cp")
    return content


def refuse(wanted: SessionSetup, plan: Plan, no_wait: bool) -> None:
    """Refuse before renting: the set-up needs a session that becomes ready, and a shell."""
    if wanted.is_empty:
        return
    if no_wait:
        raise UsageError("--setup, --onstart and the variables need the session to become ready", "leave --no-wait out")
    if plan.guard_kind == "not_applicable":
        hint = "leave out --setup, --onstart, --env and --env-file"
        raise UsageError("simulated instance: no shell, nothing can be set up there", hint)


def apply(app: App, session: SessionView, wanted: SessionSetup) -> None:
    """Set up a session's instance.

    Raises:
        ShopperError: with exit status 125; the text says that the session continues and bills.
    """
    if wanted.is_empty:
        return
    app.interrupt_hint = f"{session.name} is rented and continues; end it: gpu-shopper shutdown {session.name}"
    try:
        _apply(app, ssh_connection.find(app, session.id), wanted)
    except ShopperError as error:
        hint = f"end it: gpu-shopper shutdown {session.name}"
        text = f"{error.message}; {session.name} continues and bills"
        failure = ShopperError(text, f"{error.hint}; {hint}" if error.hint else hint, code=error.code)
        failure.exit_code = OWN_FAILURE
        raise failure from error
    app.interrupt_hint = ""


def _apply(app: App, found: ConnectionView, wanted: SessionSetup) -> None:
    scripts = [name for name, text in (("--setup", wanted.setup), ("--onstart", wanted.onstart)) if text is not None]
    record_setup(app, found, wanted.variables, [f"the script of {name}" for name in scripts])
    if wanted.variables:
        _send(found, INSTALL_VARIABLES, exports(wanted.variables).encode(), "the variables could not be set")
    if wanted.setup is not None:
        app.note(f"setting up {found.name} ...")
        _start(found, "setup", wanted.setup)
        status = follow_run.follow(app, found, "setup", follow_run.to_stderr(), until_end=True).status
        if status:
            hint = f"its output: gpu-shopper logs {found.name} setup"
            raise ShopperError(f"the set-up ended with status {status}", hint, code="setup_failed")
    if wanted.onstart is not None:
        failed = _start(found, "onstart", wanted.onstart, followed=False)
        if failed is not None:
            hint = f"its output: gpu-shopper logs {found.name} onstart"
            raise ShopperError(f"the start script cannot be run: status {failed}", hint, code="onstart_failed")
        app.note(f"started; its output: gpu-shopper logs {found.name} onstart -f")


def _start(found: ConnectionView, name: str, content: bytes, *, followed: bool = True) -> int | None:
    _send(found, _UPLOAD.format(name=name), content, f"{name} could not be copied")
    return runs.start(found, name, f'"$HOME/.gpu-shopper/{name}"', {}, followed=followed)


def _send(found: ConnectionView, script: str, content: bytes, failure: str) -> None:
    result = ssh_connection.run_script(found, content, over_ssh(script))
    if result.status:
        raise ssh_connection.script_error(found, result, failure)
