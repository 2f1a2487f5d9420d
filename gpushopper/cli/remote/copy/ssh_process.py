"""Run ssh, rsync and scripts for a copy as child processes; all of them are ended when the command ends."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NamedTuple

from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.copy import copy_errors
from gpushopper.cli.remote.stderr_tail import StderrTail
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from types import FrameType

    from gpushopper.wire import ConnectionView

CHUNK = 65536
ANSWER_LIMIT = 64_000_000
"""Bytes of a script's output that are read: about half a million entries of a listing."""
GREETING_LIMIT = 1_000_000
GRACE_S = 0.3
"""How long a program may take to exit after a signal."""
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class ScriptOutput(NamedTuple):
    """Output of a script; `had_greeting`: login scripts printed something before it."""

    out: bytes
    had_greeting: bool = False


class Program:
    """A running program, and the tail of its stderr."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: StderrTail) -> None:
        self.process, self.stderr = process, stderr

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout
        return self.process.stdout

    def reason(self) -> str:
        """Why it failed, according to its stderr."""
        lines = self.stderr.lines()
        full = [line for line in lines if "No space left" in line or "quota exceeded" in line.lower()]
        return (full or lines or [f"status {self.process.returncode}"])[0]  # the others are consequences


class StreamDrain(threading.Thread):
    """Reads a stream to its end and discards it, so that its writer never blocks."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.start()

    def run(self) -> None:
        """Read until the end, or until the stream is closed."""
        with suppress(OSError, ValueError):
            while self._stream.read1(CHUNK):  # type: ignore[attr-defined]
                pass


@contextmanager
def running(argv: Sequence[str | bytes]) -> Iterator[Program]:
    """Run a program in a process group of its own; on an exception the whole group is ended.

    Raises:
        Misconfigured: the program is not installed here.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            argv, stdin=pipe, stdout=pipe, stderr=pipe, env=ssh_connection.environment(), process_group=0
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ssh_connection.program_missing(os.fsdecode(argv[0])) from error
    assert process.stderr
    try:
        yield Program(process, StderrTail(process.stderr))
    except BaseException:
        _end(process)
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):  # buffered data that nothing reads any more
                stream.close()  # type: ignore[union-attr]
    process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)


@contextmanager
def interruptible() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP like Ctrl-C, so that child processes are ended."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def shell(found: ConnectionView, line: str) -> list[str]:
    """The ssh argv for one line of the instance's shell."""
    return ssh_connection.ssh_argv(found, (line,), flags=("-T",))


def run_script(found: ConnectionView, script: bytes) -> ScriptOutput:
    """Run a script on the instance and return its output.

    Raises:
        ShopperError: it failed, or the instance cannot be reached.
    """
    marker = new_marker()
    with running(shell(found, "exec sh -s")) as program:
        writer = write_input(program, b"printf '%s\\n' " + marker + b"\n" + script)
        greeting = skip_to_marker(program.stdout, marker)
        out = program.stdout.read(ANSWER_LIMIT) if greeting is not None else b""
        if len(out) == ANSWER_LIMIT:
            raise ShopperError("there are too many files for one copy", "pack them: tar", code="too_many_files")
        writer.join()
        status = program.process.wait()
    if status or greeting is None:
        raise failure(found, program)
    return ScriptOutput(out, bool(greeting))


def new_marker() -> bytes:
    """A random line, to find the start of our script's output."""
    return b"gs-" + secrets.token_hex(8).encode()


def skip_to_marker(stream: IO[bytes], marker: bytes) -> int | None:
    """Read past the output of login scripts; returns its length, or None if our script did not start."""
    length = 0
    while length < GREETING_LIMIT and (line := stream.readline(CHUNK)):
        if line == marker + b"\n":
            return length
        if line.endswith(marker + b"\n"):  # a greeting that does not end in a line feed
            return length + 1
        length += len(line)
    return None


def write_input(program: Program, data: bytes) -> threading.Thread:
    """Write a program's stdin on a thread of its own, while its output is read."""

    def write() -> None:
        with suppress(OSError, ValueError):  # it ended before it had read everything: its status says why
            program.stdin.write(data)
            program.stdin.close()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def copy_stream(read: Callable[[int], bytes], write: Callable[[bytes], object], moved: Callable[[int], None]) -> int:
    """Copy bytes to the end of the source; returns their number."""
    total = 0
    while chunk := read(CHUNK):
        write(chunk)
        total += len(chunk)
        moved(len(chunk))
    return total


def failure(found: ConnectionView, program: Program) -> ShopperError:
    """The error for a program that failed, by its exit status and stderr."""
    return copy_errors.transfer_error(found, program.reason(), program.process.returncode)
