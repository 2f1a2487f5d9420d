"""Run a child process with a time limit and an output size limit; at a limit its process group is killed (I18)."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import IO

from gpushopper.clock import SystemClock
from gpushopper.core.timing.clock_snapshot import SECOND

_PIECE = 65536
_POLL_S = 0.2
"""How often it is checked whether the program has ended, because a grandchild may hold its pipes open."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The process ended by itself; a negative status is a signal's number."""

    status: int
    out: bytes
    err: bytes


class LimitKind(Enum):
    """Which limit was reached, as the reason for the kill."""

    TIME = "time"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Killed:
    """The process and its group were killed at a limit; with the output until then."""

    limit: LimitKind
    out: bytes
    err: bytes


@dataclass(slots=True)
class _Pipes:
    """The output so far, and the input that is still to be written."""

    size_limit: int
    unsent: memoryview
    texts: dict[str, bytearray] = field(default_factory=lambda: {"out": bytearray(), "err": bytearray()})

    @property
    def is_over(self) -> bool:
        return any(len(text) > self.size_limit for text in self.texts.values())

    def text(self, name: str) -> bytes:
        return bytes(self.texts[name][: self.size_limit])


def run_bounded(
    argv: Sequence[str], *, limit_s: float, size_limit: int, environ: Mapping[str, str], stdin: bytes = b""
) -> Finished | Killed:
    """Run a program to its end or to a limit: seconds in all, bytes on either of its outputs.

    Raises:
        OSError: it could not be started.
    """
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environ),
        bufsize=0,
        start_new_session=True,
    ) as process:
        pipes = _Pipes(size_limit, memoryview(stdin))
        try:
            limit = _follow(process, pipes, limit_s)
        finally:
            _kill(process)
    if limit is not None:
        return Killed(limit, pipes.text("out"), pipes.text("err"))
    return Finished(process.returncode, pipes.text("out"), pipes.text("err"))


def _follow(process: subprocess.Popen[bytes], pipes: _Pipes, limit_s: float) -> LimitKind | None:
    # The boot clock counts suspended time: after a sleep past the limit the process is killed (F61, I9).
    clock = SystemClock()
    ends_at = clock.now().boot / SECOND + limit_s
    with selectors.DefaultSelector() as selector:
        for stream, name in ((process.stdout, "out"), (process.stderr, "err"), (process.stdin, "in")):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_WRITE if name == "in" else selectors.EVENT_READ, name)
        while selector.get_map():
            has_ended = process.poll() is not None
            left = ends_at - clock.now().boot / SECOND
            if left <= 0:
                return LimitKind.TIME
            ready = selector.select(0 if has_ended else min(left, _POLL_S))
            for key, _ in ready:
                _transfer(selector, key, pipes)
            if pipes.is_over:
                return LimitKind.SIZE
            if has_ended and not any(key.data != "in" for key, _ in ready):
                break  # its output is read; whatever holds the pipes now is not our process
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(ends_at - clock.now().boot / SECOND, 0))
    return None if process.returncode is not None else LimitKind.TIME


def _transfer(selector: selectors.BaseSelector, key: selectors.SelectorKey, pipes: _Pipes) -> None:
    """Read or write what is possible now; a finished pipe is removed from the selector."""
    stream: IO[bytes] = key.fileobj  # type: ignore[assignment]
    if key.data == "in":
        is_done = _write_stdin(stream, pipes)
    else:
        piece = os.read(stream.fileno(), _PIECE)
        pipes.texts[key.data] += piece
        is_done = not piece
    if is_done:
        selector.unregister(stream)
        with suppress(BrokenPipeError):
            stream.close()


def _write_stdin(stream: IO[bytes], pipes: _Pipes) -> bool:
    try:
        sent = os.write(stream.fileno(), pipes.unsent[:_PIECE]) if pipes.unsent else 0
    except BrokenPipeError:
        return True
    pipes.unsent = pipes.unsent[sent:]
    return not pipes.unsent


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process group, and drop unsent input."""
    with suppress(ProcessLookupError, PermissionError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
