"""Start runs on an instance; a run continues when the connection is lost. Parses --env and --secret-env.

Scripts, commands and variables go to the instance's shell on stdin: no argument list on either side shows them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gpushopper.cli.remote import run_scripts, ssh_connection
from gpushopper.core.model.run_folder import RUN_ID
from gpushopper.core.model.shell_environment import exports, name_problem, value_problem
from gpushopper.errors import NotFound, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

START_TRIES = 3
NOT_STARTED = "not_started"
"""Error code: the run surely was not started."""
EARLY_FAILURE_TENTHS = 3
"""How long the start of a detached run watches whether its command exists."""


def new_id() -> str:
    """A new run id."""
    return secrets.token_hex(4)


def check_id(run: str) -> str:
    """The run id, checked to be safe in a script. Raises NotFound."""
    if not RUN_ID.fullmatch(run):
        raise NotFound(f"there is no run {run!r}", "see: gpu-shopper run ls NAME")
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
    found: ConnectionView,
    run: str,
    line: str,
    variables: Mapping[str, str],
    *,
    followed: bool = True,
    ends: str = "",
) -> int | None:
    """Start a shell line on the instance as a run that is independent of this connection.

    `ends`: the line of its file `ends` (`run_scripts`); the run is started with it or not at all.

    Returns the exit status (126, 127) of a run that is not `followed` and ended at once because its command cannot be
    run; else None.

    Raises:
        ShopperError: with the code NOT_STARTED where it surely was not started; else it is unknown whether it was.
    """
    checks = 0 if followed else EARLY_FAILURE_TENTHS
    script = run_scripts.start_script(run, line, exports(variables), checks=checks, ends=ends)
    lost = 0
    for _ in range(START_TRIES):
        result = ssh_connection.run_script(found, script.encode())
        if result.status != ssh_connection.TRANSPORT_FAILED:
            break
        lost += 1
    if result.status:
        error = ssh_connection.script_error(found, result, "the command could not be started")
        if result.status == run_scripts.NOT_STARTED and not lost:
            error.code = NOT_STARTED
        raise error
    last = (result.out.splitlines() or [""])[-1]
    status = last.removeprefix(run_scripts.FAILED_AT_ONCE).strip()
    return int(status) if last.startswith(run_scripts.FAILED_AT_ONCE) and status in ("126", "127") else None
