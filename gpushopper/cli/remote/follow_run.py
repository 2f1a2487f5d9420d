"""Follow a run on an instance: its outputs to ours, over as many connections as it takes, to its status."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from gpushopper.cli.remote import run_scripts, runs, ssh_connection
from gpushopper.cli.remote.stderr_tail import LastWords
from gpushopper.clock import SystemClock
from gpushopper.core.model.shell_environment import SHELL
from gpushopper.errors import NotFound, ShopperError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

HEAD_LIMIT = 64
PIECE_LIMIT = 262144
LINE_LIMIT = 4096
MOST_GREETINGS = 1000
UNREACHED = "unreached"
"""Code of the error when no login came about for too long."""
LOST_LIMIT_S = 600.0
"""How long an unreachable instance is asked again before we give up; the run itself goes on."""
PAUSES_S = (0.5, 1, 2, 5, 10)


@dataclass(slots=True)
class Progress:
    """How much of a run's outputs has been shown.

    `end` says how it stands: status, running, lost, not started or none; "" while that is unknown.
    """

    run: str
    out: int = 0
    err: int = 0
    status: int | None = None
    end: str = ""


class Sinks:
    """Where a run's two outputs go, byte by byte as they came."""

    def __init__(self, out: IO[bytes], err: IO[bytes]) -> None:
        self._streams = {"O": out, "E": err}

    def write(self, kind: str, piece: bytes) -> None:
        """Pass a piece on at once."""
        stream = self._streams[kind]
        stream.write(piece)
        stream.flush()


def standard() -> Sinks:
    """Output to stdout, errors to stderr."""
    return Sinks(sys.stdout.buffer, sys.stderr.buffer)


def on_stderr() -> Sinks:
    """Both to stderr, for work that is not the command's answer."""
    return Sinks(sys.stderr.buffer, sys.stderr.buffer)


def follow(
    app: App, found: ConnectionView, run: str, sinks: Sinks, *, stay: bool, patience_s: float = LOST_LIMIT_S
) -> Progress:
    """Show what a run says until it ends, or what it has said so far; a lost connection is made again.

    For `patience_s` seconds in a row nobody may get in.

    Raises:
        NotFound: there is no such run.
        ShopperError: it never began, it ended without a status, or the instance stays unreachable.
    """
    shown, clock, pause = Progress(run), SystemClock(), threading.Event()
    since, tries = clock.monotonic(), 0
    while True:
        before = (shown.out, shown.err)
        reason = _one_connection(found, shown, sinks, stay)
        if shown.end:
            break
        if (shown.out, shown.err) != before:
            since, tries = clock.monotonic(), 0
        if clock.monotonic() - since > patience_s or "Host key verification failed" in reason:
            raise ShopperError(
                f"{found.name} cannot be reached: {reason}",
                f"the run goes on; see: gpu-shopper logs {found.name} -f",
                code=UNREACHED,
            )
        if not tries:
            app.note(f"the connection to {found.name} is lost ({reason}); trying again, the run goes on")
        pause.wait(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
        tries += 1
        found = ssh_connection.find(app, found.session)  # refused once the session ends
    return _checked(found, shown)


def _checked(found: ConnectionView, shown: Progress) -> Progress:
    if shown.end == "none":
        what = f"no run {shown.run}" if shown.run else "no run"
        raise NotFound(f"{found.name} has {what}", f"see: gpu-shopper logs {found.name} --list", code="run_not_found")
    if shown.end == "lost":
        text = f"the run {shown.run} ended without a status: was {found.name} restarted?"
        raise ShopperError(text, f"what it said: gpu-shopper logs {found.name} {shown.run}", code="run_lost")
    if shown.end == "not started":
        text = f"the run {shown.run} never began: the connection or {found.name} went away while it was started"
        raise ShopperError(text, "start it again", code="run_not_started")
    return shown


def _one_connection(found: ConnectionView, shown: Progress, sinks: Sinks, stay: bool) -> str:
    """Read frames until the end or until the connection breaks; what ssh said then, on one short line."""
    mark = runs.new_id()
    script = run_scripts.follow_script(shown.run, shown.out, shown.err, mark, stay=stay)
    try:
        process = subprocess.Popen(
            ssh_connection.ssh_argv(found, (SHELL,), flags=("-T",)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ssh_connection.environment(),
        )
    except FileNotFoundError as error:
        raise ssh_connection.missing("ssh") from error
    with process:
        assert process.stdin and process.stdout and process.stderr
        said = LastWords(process.stderr)
        with suppress(BrokenPipeError):  # ssh has failed already: it says why
            process.stdin.write(script.encode())
            process.stdin.close()
        try:
            if _skip_greetings(process.stdout, mark):
                _read_frames(process.stdout, shown, sinks)
        finally:
            process.kill()
        return (said.lines() or ["no reason given"])[-1]


def _skip_greetings(stream: IO[bytes], mark: str) -> bool:
    """Read past what the instance's shell says by itself; False when our script did not begin."""
    for _ in range(MOST_GREETINGS):
        line = stream.readline(LINE_LIMIT)
        if line == f"B {mark}\n".encode() or not line:
            return bool(line)
    return False


def _read_frames(stream: IO[bytes], shown: Progress, sinks: Sinks) -> None:
    while line := stream.readline(HEAD_LIMIT):
        kind, _, word = line.decode("ascii", "replace").rstrip("\n").partition(" ")
        match kind:
            case "O" | "E" if word.isdigit() and int(word) <= PIECE_LIMIT:
                if not _pass_on(stream, kind, int(word), shown, sinks):
                    return
            case "I":
                shown.run = runs.check_id(word)
            case "S":
                shown.end, shown.status = "status", int(word) & 0xFF if word.isdigit() else 255
                return
            case "R" | "L" | "N" | "F":
                shown.end = {"R": "running", "L": "lost", "N": "none", "F": "not started"}[kind]
                return
            case ".":
                continue
            case _:
                raise ShopperError("the instance's answer is not ours to read", code="garbage")


def _pass_on(stream: IO[bytes], kind: str, size: int, shown: Progress, sinks: Sinks) -> bool:
    """Hand a frame's bytes on as they come; False when the connection broke in it."""
    while size:
        piece = stream.read1(size)  # type: ignore[attr-defined]
        if not piece:
            return False
        sinks.write(kind, piece)
        size -= len(piece)
        if kind == "O":
            shown.out += len(piece)
        else:
            shown.err += len(piece)
    return True
