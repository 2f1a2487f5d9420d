"""Work on an instance that survives a lost connection: how it starts, how it is listed, what it is given.

Everything goes to the instance's shell on stdin: no word of it stands in an argument list on either side.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gpushopper.cli.remote import run_scripts, ssh_connection
from gpushopper.core.model.shell_environment import name_problem, value_problem
from gpushopper.errors import NotFound, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

START_TRIES = 3
LINGER_TENTHS = 3
"""How long a start that nobody follows looks whether there is such a command at all."""
_RUN = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SHELLS_OWN = frozenset(
    ("BASHOPTS", "BASH_VERSINFO", "EGID", "EUID", "GID", "PPID", "SHELLOPTS", "UID", "USERNAME", "status")
)
"""Variables that some shells take for their own: setting them ends a script there, or changes the user in zsh."""


def new_id() -> str:
    """A name for a run."""
    return secrets.token_hex(4)


def check_id(run: str) -> str:
    """The name of a run as it may be written in a script."""
    if not _RUN.fullmatch(run):
        raise NotFound(f"no run is called {run!r}", "see: gpu-shopper logs NAME --list")
    return run


def exports(variables: Mapping[str, str]) -> str:
    """Shell lines that set these variables, where the shell lets them be set."""
    return "".join(_export(name, f"export {name}={shlex.quote(value)}") for name, value in variables.items())


def _export(name: str, line: str) -> str:
    if name not in _SHELLS_OWN:
        return f"{line}\n"
    return f'if [ -z "${{ZSH_VERSION-}}" ] && ({line}) 2>/dev/null; then {line}; fi\n'


def variables(plain: tuple[str, ...], secret: tuple[str, ...], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `--env K=V` and `--secret-env K`; a secret's value comes from the caller's environment.

    Raises:
        UsageError: a name is none, a plain value cannot be carried, or the caller has no such variable.
    """
    found = {}
    # Numbers instead of words in the errors: what was mistyped may be the secret itself (F103).
    for number, text in enumerate(plain, 1):
        name, sign, value = text.partition("=")
        if not sign:
            hint = "write: --env NAME=VALUE; or, for a variable of this shell: --secret-env NAME"
            raise UsageError(f"--env number {number} has no value", hint)
        found[_name(name, number)] = _plain(name, value)
    for number, name in enumerate(secret, 1):
        if "=" in name:
            text = "--secret-env takes a name only: a value would stand in the list of processes"
            raise UsageError(text, "set the variable here, then write: --secret-env NAME")
        if name not in environ or name_problem(name):
            text = f"--secret-env number {number}: there is no such variable here"
            raise UsageError(text, "set it: export NAME=...; then write: --secret-env NAME")
        found[name] = environ[name]
    return found


def _name(name: str, number: int) -> str:
    if problem := name_problem(name):
        hint = "write: --env NAME=VALUE, with a NAME of letters, digits and _"
        raise UsageError(f"--env number {number}: {problem}", hint)
    return name


def _plain(name: str, value: str) -> str:
    if problem := value_problem(name, value):
        hint = f"copy a file there, or give it with --secret-env {name}, which takes any text"
        raise UsageError(problem, hint)
    return value


def start(
    found: ConnectionView, run: str, line: str, variables: Mapping[str, str], *, followed: bool = True
) -> int | None:
    """Start a shell line on the instance, away from this connection.

    Where nobody follows it, the status with which it ended at once because there is no such command; else None.

    Raises:
        ShopperError: it could not be started, or we cannot know whether it was.
    """
    script = run_scripts.start_script(run, line, exports(variables), looks=0 if followed else LINGER_TENTHS)
    for _ in range(START_TRIES):
        said = ssh_connection.ask(found, script.encode())
        if said.status != ssh_connection.TRANSPORT_FAILED:
            break
    if said.status:
        raise ssh_connection.failed(found, said, "the command could not be started")
    last = (said.out.splitlines() or [""])[-1]
    status = last.removeprefix(run_scripts.FAILED_AT_ONCE).strip()
    return int(status) if last.startswith(run_scripts.FAILED_AT_ONCE) and status in ("126", "127") else None


def list_runs(found: ConnectionView) -> list[dict[str, str]]:
    """The runs on an instance, the newest first."""
    said = ssh_connection.ask(found, run_scripts.list_script().encode())
    if said.status:
        raise ssh_connection.failed(found, said, "the runs cannot be listed")
    rows = [line.split("\t", 2) for line in said.out.splitlines()]
    return [dict(zip(("run", "status", "command"), row, strict=True)) for row in rows if len(row) == 3]
