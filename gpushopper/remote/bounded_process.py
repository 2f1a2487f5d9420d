"""Run a program within a total time and size, whatever it or its peer does (I18)."""

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
_GLANCE_S = 0.2
"""How long an ended program's pipes may go unnoticed when a grandchild holds them open."""


@dataclass(frozen=True, slots=True)
class Finished:
    """It ended by itself; a negative status is a signal's number."""

    status: int
    out: bytes
    err: bytes


class LimitKind(Enum):
    """Which limit was reached."""

    TIME = "time"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Killed:
    """It was killed at a limit, with all it had started in its group; what it had said until then."""

    limit: LimitKind
    out: bytes
    err: bytes


@dataclass(slots=True)
class _Pipes:
    """What came so far, and what is still to be handed in."""

    size_limit: int
    waiting: memoryview
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
    # The boot clock: what slept through its limit is over, and must not go on where it left off (F61, I9).
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
            ready = selector.select(0 if has_ended else min(left, _GLANCE_S))
            for key, _ in ready:
                _move(selector, key, pipes)
            if pipes.is_over:
                return LimitKind.SIZE
            if has_ended and not any(key.data != "in" for key, _ in ready):
                break  # all it said has been read; who holds the pipes now is none of ours
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(ends_at - clock.now().boot / SECOND, 0))
    return None if process.returncode is not None else LimitKind.TIME


def _move(selector: selectors.BaseSelector, key: selectors.SelectorKey, pipes: _Pipes) -> None:
    """Read what is there, or hand in what fits; a pipe that is done leaves the selector."""
    stream: IO[bytes] = key.fileobj  # type: ignore[assignment]
    if key.data == "in":
        is_done = _hand_in(stream, pipes)
    else:
        piece = os.read(stream.fileno(), _PIECE)
        pipes.texts[key.data] += piece
        is_done = not piece
    if is_done:
        selector.unregister(stream)
        with suppress(BrokenPipeError):
            stream.close()


def _hand_in(stream: IO[bytes], pipes: _Pipes) -> bool:
    try:
        sent = os.write(stream.fileno(), pipes.waiting[:_PIECE]) if pipes.waiting else 0
    except BrokenPipeError:
        return True
    pipes.waiting = pipes.waiting[sent:]
    return not pipes.waiting


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the group, and forget unsent input."""
    with suppress(ProcessLookupError, PermissionError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
