"""The way to a session's instance, as the daemon tells it: the words for ssh, and short, bounded questions over it."""

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

KEPT = ("PATH", "HOME", "TERM", "LANG", "LC_ALL", "LC_CTYPE")
"""What OpenSSH and rsync need of the environment; no agent, no key and no setting goes on (D15)."""
ALONE = ("ControlMaster=no", "ControlPath=none")
TRANSPORT_FAILED = 255
"""The status ssh uses for its own failures."""
ANSWER_LIMIT = 64 * 1024
ANSWER_LIMIT_S = 60.0


class Said(NamedTuple):
    """Status and outputs of a short command on the instance."""

    status: int
    out: str
    err: str


def find(app: App, name: str | None) -> ConnectionView:
    """How to log in to the session of exactly this name or id (`naming.to_act_on`).

    Raises:
        Refused: it is on paper, not handed over yet, or ending.
    """
    found = app.client.connection(session_argument.to_act_on(app, name).id)
    if found.is_paper:
        text = f"paper: no shell; {found.name} is on a practice market without live instances"
        raise Refused(text, "see: gpu-shopper sandbox start --help", code="paper")
    if found.health not in ("", "ok"):
        app.note(f"{found.name} is running ({found.health}): a login may fail")
    return found


def options(found: ConnectionView, *, shared: bool = True) -> list[str]:
    """The `-o` words for ssh, scp and sftp; the first value of a name counts."""
    return ["-F", "/dev/null", *(word for value in _values(found, shared) for word in ("-o", value))]


def _values(found: ConnectionView, shared: bool) -> list[str]:
    return [*(() if shared else ALONE), *found.options, f"Port={found.port}", f"User={found.user}"]


def ssh_argv(found: ConnectionView, command: Sequence[str] = (), *, flags: Sequence[str] = ()) -> list[str]:
    """The call of ssh. Forwards get a connection of their own, which ends with them."""
    shared = not any(flag.startswith("-L") for flag in flags)
    return ["ssh", *options(found, shared=shared), *flags, "--", found.host, *_as_typed(shell_line(command))]


def _as_typed(words: Sequence[str]) -> list[str]:
    """Words that the system's own encoding turns into the bytes that were typed."""
    return [os.fsdecode(to_bytes(word)) for word in words]


def shell_line(command: Sequence[str]) -> list[str]:
    """One word is a line for the instance's shell; several arrive there as they are."""
    return [command[0] if len(command) == 1 else shlex.join(command)] if command else []


def to_bytes(word: str) -> bytes:
    """A word of the command line as it was typed: it comes as UTF-8 under every locale, other bytes come escaped."""
    return word.encode("utf-8", "surrogateescape")


def environment() -> dict[str, str]:
    """The environment of ssh and its kin."""
    return {name: os.environ[name] for name in KEPT if name in os.environ}


def missing(program: str) -> Misconfigured:
    """The error when a program of OpenSSH's is not there."""
    return Misconfigured(f"there is no {program} on this computer", "install OpenSSH's client", code="no_openssh")


def ask(found: ConnectionView, script: str | bytes, *command: str) -> Said:
    """Run a short script on the instance, given to its shell on stdin; of a long answer only the beginning is kept.

    A text runs without the user's variables (CLEAN); bytes are handed over as they are. With a
    `command`, that is run instead and gets them on stdin.

    Raises:
        Misconfigured: there is no ssh here.
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
        raise missing("ssh") from error
    with process:
        stop = threading.Timer(ANSWER_LIMIT_S, process.kill)
        stop.start()
        try:
            out, err = _exchange(process, data)
        finally:
            stop.cancel()
            if process.poll() is None:
                process.kill()
    return Said(process.returncode, out, err)


def _exchange(process: subprocess.Popen[bytes], data: bytes) -> tuple[str, str]:
    """Hand in the input and read both outputs up to the limit; whoever says more is cut off."""
    assert process.stdin and process.stdout and process.stderr
    texts: dict[str, bytes] = {}

    def read(name: str, stream: object) -> None:
        texts[name] = stream.read(ANSWER_LIMIT)  # type: ignore[attr-defined]
        if len(texts[name]) == ANSWER_LIMIT:
            process.kill()

    readers = [threading.Thread(target=read, args=pair, daemon=True) for pair in _outputs(process)]
    for reader in readers:
        reader.start()
    with suppress(BrokenPipeError):  # it ended before it had read all: its status says why
        process.stdin.write(data)
        process.stdin.close()
    for reader in readers:
        reader.join()
    process.wait()
    return texts["out"].decode("utf-8", "replace"), texts["err"].decode("utf-8", "replace")


def _outputs(process: subprocess.Popen[bytes]) -> list[tuple[str, object]]:
    return [("out", process.stdout), ("err", process.stderr)]


def failed(found: ConnectionView, said: Said, what: str) -> ShopperError:
    """The error of a script that did not end well."""
    lines = said.err.strip().splitlines() or ["no reason given"]
    if said.status in (TRANSPORT_FAILED, -9):
        return ShopperError(f"{found.name} cannot be reached: {lines[-1][:200]}", "try again", code="unreached")
    return ShopperError(f"{what} on {found.name}: {lines[-1][:200]}", code="remote_failed")
