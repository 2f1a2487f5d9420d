"""The ssh command line for a session (connection details from the daemon), and short scripts run over ssh."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from gpushopper.cli.input import session_argument
from gpushopper.core.model.shell_environment import CLEAN, SHELL
from gpushopper.errors import Misconfigured, Refused, ShopperError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

PASSED_VARIABLES = ("PATH", "HOME", "TERM", "LANG", "LC_ALL", "LC_CTYPE")
"""Variables that ssh and rsync get; agent, keys and other settings of the environment are not passed on (D15)."""
UNSHARED = ("ControlMaster=no", "ControlPath=none")
TRANSPORT_FAILED = 255
"""The exit status of ssh for its own failures."""
ANSWER_LIMIT = 64 * 1024
ANSWER_LIMIT_S = 60.0


class CommandResult(NamedTuple):
    """Exit status and outputs of a script on the instance."""

    status: int
    out: str
    err: str


def find(app: App, name: str | None) -> ConnectionView:
    """The connection details of the session with exactly this name or id (`session_argument.to_act_on`).

    Raises:
        Refused: it is a simulated instance, not ready yet, or ending.
    """
    found = app.client.connection(session_argument.to_act_on(app, name).id)
    if found.is_simulated:
        text = f"simulated instance: no shell; {found.name} is in a sandbox without live instances"
        raise Refused(text, "see: gpu-shopper sandbox start --help", code="simulated")
    if found.health not in ("", "ok"):
        app.note(f"{found.name} is running ({found.health}): a login may fail")
    return found


def options(found: ConnectionView, *, shared: bool = True) -> list[str]:
    """The `-o` options for ssh and rsync; of several values for one name, ssh takes the first."""
    return ["-F", "/dev/null", *(word for value in _values(found, shared) for word in ("-o", value))]


def _values(found: ConnectionView, shared: bool) -> list[str]:
    return [*(() if shared else UNSHARED), *found.options, f"Port={found.port}", f"User={found.user}"]


def ssh_argv(found: ConnectionView, command: Sequence[str] = (), *, flags: Sequence[str] = ()) -> list[str]:
    """The ssh argv. Port forwards use a connection of their own, not the shared one, so that they end with it."""
    shared = not any(flag.startswith(("-L", "-R")) for flag in flags)
    return ["ssh", *options(found, shared=shared), *flags, "--", found.host, *_fs_encoded(shell_line(command))]


def _fs_encoded(words: Sequence[str]) -> list[str]:
    """Arguments that the file system encoding turns back into the bytes typed."""
    return [os.fsdecode(to_bytes(word)) for word in words]


def shell_line(command: Sequence[str]) -> list[str]:
    """The remote command line: a single argument is a shell line; several are quoted, so that they arrive unchanged."""
    return [command[0] if len(command) == 1 else shlex.join(command)] if command else []


def to_bytes(word: str) -> bytes:
    """The bytes of an argument as typed: it was decoded as UTF-8 with surrogate escapes (`cli.main`)."""
    return word.encode("utf-8", "surrogateescape")


def environment() -> dict[str, str]:
    """The environment of ssh and rsync."""
    return {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}


def program_missing(program: str) -> Misconfigured:
    """The error for an OpenSSH program that is not installed here."""
    return Misconfigured(f"there is no {program} on this computer", "install OpenSSH's client", code="no_openssh")


def run_script(found: ConnectionView, script: str | bytes, *command: str) -> CommandResult:
    """Run a short script on the instance, sent to its shell on stdin; outputs are cut off at ANSWER_LIMIT bytes.

    A `str` script runs without the user's variables (CLEAN); `bytes` are sent unchanged. With a `command`, that is run
    instead of a shell, and gets the bytes on stdin.

    Raises:
        Misconfigured: ssh is not installed here.
    """
    data = to_bytes(CLEAN + script) if isinstance(script, str) else script
    try:
        process = subprocess.Popen(
            ssh_argv(found, command or (SHELL,), flags=("-T",)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
    except FileNotFoundError as error:
        raise program_missing("ssh") from error
    with process:
        stop = threading.Timer(ANSWER_LIMIT_S, process.kill)
        stop.start()
        try:
            out, err = _exchange(process, data)
        finally:
            stop.cancel()
            if process.poll() is None:
                process.kill()
    return CommandResult(process.returncode, out, err)


def _exchange(process: subprocess.Popen[bytes], data: bytes) -> tuple[str, str]:
    """Write the input and read both outputs up to the limit; a program that prints more is killed."""
    assert process.stdin and process.stdout and process.stderr
    texts: dict[str, bytes] = {}

    def read(name: str, stream: object) -> None:
        texts[name] = stream.read(ANSWER_LIMIT)  # type: ignore[attr-defined]
        if len(texts[name]) == ANSWER_LIMIT:
            process.kill()

    readers = [threading.Thread(target=read, args=pair, daemon=True) for pair in _outputs(process)]
    for reader in readers:
        reader.start()
    with suppress(BrokenPipeError):  # it ended before it had read everything: its status says why
        process.stdin.write(data)
        process.stdin.close()
    for reader in readers:
        reader.join()
    process.wait()
    return texts["out"].decode("utf-8", "replace"), texts["err"].decode("utf-8", "replace")


def _outputs(process: subprocess.Popen[bytes]) -> list[tuple[str, object]]:
    return [("out", process.stdout), ("err", process.stderr)]


def script_error(found: ConnectionView, result: CommandResult, what: str) -> ShopperError:
    """The error for a script that failed, or that could not be run because ssh failed."""
    lines = result.err.strip().splitlines() or ["no reason given"]
    if result.status in (TRANSPORT_FAILED, -9):
        return ShopperError(f"{found.name} cannot be reached: {lines[-1][:200]}", "try again", code="unreached")
    return ShopperError(f"{what} on {found.name}: {lines[-1][:200]}", code="remote_failed")
