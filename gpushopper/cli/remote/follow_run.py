"""Follow a run: copy its stdout and stderr to ours until it ends, and reconnect after a lost connection."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from gpushopper.cli.remote import run_scripts, runs, ssh_connection
from gpushopper.cli.remote.stderr_tail import StderrTail
from gpushopper.clock import SystemClock
from gpushopper.core.model.shell_environment import FOLLOWER_SHELL
from gpushopper.errors import NotFound, ShopperError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

HEAD_LIMIT = 64
CHUNK_LIMIT = 262144
LINE_LIMIT = 4096
MOST_GREETINGS = 1000
_BEGINNING = re.compile(r"\d{1,15} \d{1,15}")
"""Where in the two outputs a tail begins."""
UNREACHED = "unreached"
"""Error code: the instance could not be reached over ssh for too long."""
UNREACHABLE_LIMIT_S = 600.0
"""How long to retry an unreachable instance before giving up; the run itself continues."""
RETRY_DELAYS_S = (0.5, 1, 2, 5, 10)


@dataclass(slots=True)
class RunProgress:
    """How many bytes of a run's two outputs have been shown, and its status.

    `end` is the state of the run: status (it ended), running, lost, not started or none; "" while unknown.
    `last_lines`: how many last lines of each to begin with; 0 for all, and once it has begun.
    """

    run: str
    out: int = 0
    err: int = 0
    status: int | None = None
    end: str = ""
    last_lines: int = 0


class OutputStreams:
    """Where a run's stdout and stderr are written, unchanged."""

    def __init__(self, out: IO[bytes], err: IO[bytes]) -> None:
        self._streams = {"O": out, "E": err}

    def write(self, kind: str, chunk: bytes) -> None:
        """Write a chunk and flush it."""
        stream = self._streams[kind]
        stream.write(chunk)
        stream.flush()


def to_stdout_and_stderr() -> OutputStreams:
    """The run's stdout to our stdout, its stderr to our stderr."""
    return OutputStreams(sys.stdout.buffer, sys.stderr.buffer)


def to_stderr() -> OutputStreams:
    """Both outputs to stderr, where they are not the command's answer."""
    return OutputStreams(sys.stderr.buffer, sys.stderr.buffer)


def follow(
    app: App,
    found: ConnectionView,
    run: str,
    streams: OutputStreams,
    *,
    until_end: bool,
    unreachable_limit_s: float = UNREACHABLE_LIMIT_S,
    last_lines: int = 0,
) -> RunProgress:
    """Copy a run's output until it ends, or the output so far; reconnect after a lost connection.

    With `last_lines` it begins with so many last lines of each output.

    Raises:
        NotFound: there is no such run.
        ShopperError: it was never started, it ended without a status, or the instance was unreachable for
            `unreachable_limit_s` without a break.
    """
    progress, clock, pause = RunProgress(run, last_lines=last_lines), SystemClock(), threading.Event()
    since, tries = clock.monotonic(), 0
    while True:
        before = (progress.out, progress.err)
        reason = _one_connection(found, progress, streams, until_end)
        if progress.end:
            break
        if (progress.out, progress.err) != before:
            since, tries = clock.monotonic(), 0
        if clock.monotonic() - since > unreachable_limit_s or "Host key verification failed" in reason:
            raise ShopperError(
                f"{found.name} cannot be reached: {reason}",
                f"the run continues; see: gpu-shopper logs {found.name} -f",
                code=UNREACHED,
            )
        if not tries:
            app.note(f"the connection to {found.name} is lost ({reason}); reconnecting, the run continues")
        pause.wait(RETRY_DELAYS_S[min(tries, len(RETRY_DELAYS_S) - 1)])
        tries += 1
        found = ssh_connection.find(app, found.session)  # raises Refused once the session ends
    return _checked(found, progress)


def _checked(found: ConnectionView, progress: RunProgress) -> RunProgress:
    if progress.end == "none":
        what = f"no run {progress.run}" if progress.run else "no run"
        raise NotFound(f"{found.name} has {what}", f"see: gpu-shopper run ls {found.name}", code="run_not_found")
    if progress.end == "lost":
        text = f"the run {progress.run} ended without a status: was {found.name} restarted?"
        raise ShopperError(text, f"its output: gpu-shopper logs {found.name} {progress.run}", code="run_lost")
    if progress.end == "not started":
        text = f"the run {progress.run} was never started: the connection or {found.name} was lost before"
        raise ShopperError(text, "start it again", code="run_not_started")
    return progress


def _one_connection(found: ConnectionView, progress: RunProgress, streams: OutputStreams, until_end: bool) -> str:
    """Read frames until the run's end or the loss of the connection; returns the last line of ssh's stderr."""
    marker = runs.new_id()
    script = run_scripts.follow_script(
        progress.run, progress.out, progress.err, marker, until_end=until_end, last_lines=progress.last_lines
    )
    try:
        process = subprocess.Popen(
            ssh_connection.ssh_argv(found, (FOLLOWER_SHELL,), flags=("-T",)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ssh_connection.environment(),
        )
    except FileNotFoundError as error:
        raise ssh_connection.program_missing("ssh") from error
    with process:
        assert process.stdin and process.stdout and process.stderr
        stderr = StderrTail(process.stderr)
        with suppress(BrokenPipeError):  # ssh has failed already: the reason is on its stderr
            process.stdin.write(script.encode())
            process.stdin.close()
        try:
            if _skip_greetings(process.stdout, marker):
                _read_frames(process.stdout, progress, streams)
        finally:
            process.kill()
        return (stderr.lines() or ["no reason given"])[-1]


def _skip_greetings(stream: IO[bytes], marker: str) -> bool:
    """Read past the output of login scripts up to our marker; False if our script did not start."""
    for _ in range(MOST_GREETINGS):
        line = stream.readline(LINE_LIMIT)
        if line == f"B {marker}\n".encode() or not line:
            return bool(line)
    return False


def _read_frames(stream: IO[bytes], progress: RunProgress, streams: OutputStreams) -> None:
    while line := stream.readline(HEAD_LIMIT):
        kind, _, word = line.decode("ascii", "replace").rstrip("\n").partition(" ")
        match kind:
            case "O" | "E" if word.isdigit() and int(word) <= CHUNK_LIMIT:
                if not _copy_frame(stream, kind, int(word), progress, streams):
                    return
            case "I":
                progress.run = runs.check_id(word)
            case "P" if _BEGINNING.fullmatch(word):
                progress.out, progress.err = map(int, word.split())
                progress.last_lines = 0
            case "S":
                progress.end, progress.status = "status", int(word) & 0xFF if word.isdigit() else 255
                return
            case "R" | "L" | "N" | "F":
                progress.end = {"R": "running", "L": "lost", "N": "none", "F": "not started"}[kind]
                return
            case ".":
                continue
            case _:
                raise ShopperError("the instance sent an unreadable answer", code="garbage")


def _copy_frame(stream: IO[bytes], kind: str, size: int, progress: RunProgress, streams: OutputStreams) -> bool:
    """Copy a frame's bytes as they arrive; False if the connection was lost within it."""
    while size:
        chunk = stream.read1(size)  # type: ignore[attr-defined]
        if not chunk:
            return False
        streams.write(kind, chunk)
        size -= len(chunk)
        if kind == "O":
            progress.out += len(chunk)
        else:
            progress.err += len(chunk)
    return True
