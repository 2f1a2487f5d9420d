"""Start and list runs on an instance; a run continues when the connection is lost. Parses --env and --secret-env.

Scripts, commands and variables go to the instance's shell on stdin: no argument list on either side shows them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gpushopper.cli.remote import run_scripts, ssh_connection
from gpushopper.core.model.shell_environment import exports, name_problem, value_problem
from gpushopper.errors import NotFound, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

START_TRIES = 3
EARLY_FAILURE_TENTHS = 3
"""How long the start of a detached run watches whether its command exists."""
_RUN = re.compile(r"[A-Za-z0-9_-]{1,40}")


def new_id() -> str:
    """A new run id."""
    return secrets.token_hex(4)


def check_id(run: str) -> str:
    """The run id, checked to be safe in a script. Raises NotFound."""
    if not _RUN.fullmatch(run):
        raise NotFound(f"there is no run {run!r}", "see: gpu-shopper logs NAME --list")
    return run


def variables(plain: tuple[str, ...], secret: tuple[str, ...], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `--env K=V` and `--secret-env K`; a secret's value comes from the caller's environment.

    Raises:
        UsageError: a name is invalid, a plain value cannot be passed on, or the caller has no such variable.
    """
    found = {}
    # Errors name the number of the option, not its text: a mistyped text may be the secret itself (F103).
    for number, text in enumerate(plain, 1):
        name, sign, value = text.partition("=")
        if not sign:
            hint = "write: --env NAME=VALUE; or, for a variable of this shell: --secret-env NAME"
            raise UsageError(f"--env number {number} has no value", hint)
        found[_name(name, number)] = _plain(name, value)
    for number, name in enumerate(secret, 1):
        if "=" in name:
            text = "--secret-env takes a name only: a value would be visible in the process list"
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
    """Start a shell line on the instance as a run that is independent of this connection.

    Returns the exit status (126, 127) of a run that is not `followed` and ended at once because its command cannot be
    run; else None.

    Raises:
        ShopperError: it could not be started, or it is unknown whether it was.
    """
    script = run_scripts.start_script(run, line, exports(variables), checks=0 if followed else EARLY_FAILURE_TENTHS)
    for _ in range(START_TRIES):
        result = ssh_connection.run_script(found, script.encode())
        if result.status != ssh_connection.TRANSPORT_FAILED:
            break
    if result.status:
        raise ssh_connection.script_error(found, result, "the command could not be started")
    last = (result.out.splitlines() or [""])[-1]
    status = last.removeprefix(run_scripts.FAILED_AT_ONCE).strip()
    return int(status) if last.startswith(run_scripts.FAILED_AT_ONCE) and status in ("126", "127") else None


def list_runs(found: ConnectionView) -> list[dict[str, str]]:
    """The runs on an instance, the newest first."""
    result = ssh_connection.run_script(found, run_scripts.list_script().encode())
    if result.status:
        raise ssh_connection.script_error(found, result, "the runs cannot be listed")
    rows = [line.split("\t", 2) for line in result.out.splitlines()]
    return [dict(zip(("run", "status", "command"), row, strict=True)) for row in rows if len(row) == 3]
