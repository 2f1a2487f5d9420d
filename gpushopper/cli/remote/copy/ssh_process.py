"""Programs that carry bytes to an instance and back, none of which outlives the command that started it."""

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
from gpushopper.cli.remote.stderr_tail import LastWords
from gpushopper.errors import DiskFull, ShopperError

if TYPE_CHECKING:
    from types import FrameType

    from gpushopper.wire import ConnectionView

PIECE = 65536
ANSWER_LIMIT = 64_000_000
"""Bytes of a listing that are read: some half a million entries."""
AGAIN = "run the same command again; it goes on from there"
LASTING = (
    "permission denied", "operation not permitted", "read-only file system", "not a directory", "is a directory",
    "file name too long", "invalid argument",
)  # fmt: skip
"""What the system says where the same command would fail again."""
GREETING_LIMIT = 1_000_000
GRACE_S = 0.3
"""How long a program may take to leave after it was asked to."""
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Answer(NamedTuple):
    """What a script said; `had_greeting`: the login's shell said something of its own before."""

    out: bytes
    had_greeting: bool = False


class Program:
    """A running program, and the last it said on its standard error."""

    def __init__(self, process: subprocess.Popen[bytes], words: LastWords) -> None:
        self.process, self.words = process, words

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout
        return self.process.stdout

    def reason(self) -> str:
        """Why it failed, in its own words."""
        lines = self.words.lines()
        full = [line for line in lines if "No space left" in line or "quota exceeded" in line.lower()]
        return (full or lines or [f"status {self.process.returncode}"])[0]  # the first: what follows are consequences


class Reader(threading.Thread):
    """Reads a stream to its end and forgets it, so that who writes it never waits for us."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.start()

    def run(self) -> None:
        """Read until the end, or until the stream is closed."""
        with suppress(OSError, ValueError):
            while self._stream.read1(PIECE):  # type: ignore[attr-defined]
                pass


@contextmanager
def running(argv: Sequence[str | bytes]) -> Iterator[Program]:
    """Run a program in a process group of its own; when we leave early, the whole group is ended.

    Raises:
        Misconfigured: there is no such program here.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            argv, stdin=pipe, stdout=pipe, stderr=pipe, env=ssh_connection.environment(), process_group=0
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ssh_connection.missing(os.fsdecode(argv[0])) from error
    assert process.stderr
    try:
        yield Program(process, LastWords(process.stderr))
    except BaseException:
        _end(process)
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):  # what is still buffered finds no reader
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
    """Let a request to end (TERM, or a closed terminal) unwind as Ctrl-C does, so that programs are ended."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def shell(found: ConnectionView, line: str) -> list[str]:
    """The call of ssh for one line of the instance's shell."""
    return ssh_connection.ssh_argv(found, (line,), flags=("-T",))


def ask(found: ConnectionView, script: bytes) -> Answer:
    """Run a script of ours on the instance and return what it said.

    Raises:
        ShopperError: it failed, or the instance cannot be reached.
    """
    mark = new_mark()
    with running(shell(found, "exec sh -s")) as program:
        feeding = fed(program, b"printf '%s\\n' " + mark + b"\n" + script)
        greeting = skip_to(program.stdout, mark)
        out = program.stdout.read(ANSWER_LIMIT) if greeting is not None else b""
        if len(out) == ANSWER_LIMIT:
            raise ShopperError("there are too many files for one copy", "pack them: tar", code="too_many_files")
        feeding.join()
        status = program.process.wait()
    if status or greeting is None:
        raise failure(found, program)
    return Answer(out, bool(greeting))


def new_mark() -> bytes:
    """A line that no greeting of a login shell says."""
    return b"gs-" + secrets.token_hex(8).encode()


def skip_to(stream: IO[bytes], mark: bytes) -> int | None:
    """Read past what a login's shell says by itself; its length, or None when our script did not begin."""
    length = 0
    while length < GREETING_LIMIT and (line := stream.readline(PIECE)):
        if line == mark + b"\n":
            return length
        if line.endswith(mark + b"\n"):  # a greeting without a line end
            return length + 1
        length += len(line)
    return None


def fed(program: Program, data: bytes) -> threading.Thread:
    """Hand in a script while its answer is read."""

    def feed() -> None:
        with suppress(OSError, ValueError):  # it ended before it had read all: its status says why
            program.stdin.write(data)
            program.stdin.close()

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    return thread


def pumped(read: Callable[[int], bytes], write: Callable[[bytes], object], moved: Callable[[int], None]) -> int:
    """Carry bytes to the end of the source; how many."""
    total = 0
    while piece := read(PIECE):
        write(piece)
        total += len(piece)
        moved(len(piece))
    return total


def failure(found: ConnectionView, program: Program) -> ShopperError:
    """The error of a program that did not end well."""
    reason = program.reason()
    if program.process.returncode in (ssh_connection.TRANSPORT_FAILED, -signal.SIGKILL):
        return ShopperError(f"the copy failed: {found.name} cannot be reached: {reason}", AGAIN, code="unreached")
    if is_full(reason):
        return full_there(found)
    return ShopperError(f"the copy failed: {reason}", hint_for(reason), code="copy_failed")


def hint_for(reason: str) -> str:
    """Say what to do about a copy that failed for this reason."""
    if any(words in reason.lower() for words in LASTING):
        return "nothing is lost; choose a target that can be written, or change its rights"
    return AGAIN


def is_full(reason: str) -> bool:
    """Whether a program's words say that a disk or quota is exhausted."""
    return "No space left" in reason or "quota exceeded" in reason.lower()


def full_there(found: ConnectionView) -> DiskFull:
    """The error when the instance has no room."""
    return DiskFull(f"the disk of {found.name} is full", "make room there, then run the same command again")


def full_here() -> DiskFull:
    """The error when this computer has no room."""
    return DiskFull("the disk here is full", "make room, then run the same command again")
