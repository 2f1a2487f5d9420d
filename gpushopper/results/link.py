"""One script at a time on an instance, over ssh as its caller has set it up; what it prints comes as pieces."""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from gpushopper.core.model.shell_environment import CLEAN, PULL_SHELL
from gpushopper.errors import ShopperError

_CHUNK = 256 * 1024
_POLL_S = 0.5
"""How often it is asked whether to stop."""
GREETING_LIMIT = 1_000_000
_TAIL = 2000


class LinkLost(ShopperError):
    """The connection broke, or was ended here: what has arrived stays, and the next try goes on from there."""

    code = "unreached"


@dataclass(frozen=True, slots=True)
class Link:
    """`ssh` is the whole command line up to the command; `must_stop` is asked all the time."""

    ssh: tuple[str, ...]
    environ: Mapping[str, str]
    must_stop: Callable[[], bool] = lambda: False

    def run(self, script: bytes, limit: int) -> bytes:
        """All that a script prints.

        Raises:
            LinkLost: it did not come to its end.
            ShopperError: it printed more than `limit` bytes.
        """
        found = bytearray()
        for piece in self.stream(script):
            found += piece
            if len(found) > limit:
                raise ShopperError("the instance lists too many files", "pack them there: tar", code="too_many_files")
        return bytes(found)

    def stream(self, script: bytes) -> Iterator[bytes]:
        """What a script prints, as it comes; without what login scripts print before it.

        Raises:
            LinkLost: it did not come to its end.
        """
        marker = b"gs-" + secrets.token_hex(8).encode()
        whole = CLEAN.encode() + b"printf '\\n%s\\n' " + marker + b"\n" + script
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [*self.ssh, PULL_SHELL], stdin=pipe, stdout=pipe, stderr=pipe, env=dict(self.environ), bufsize=0,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdin and process.stdout and process.stderr
        reason: list[bytes] = []
        threads = [
            threading.Thread(target=_write, args=(process.stdin, whole), daemon=True),
            threading.Thread(target=_tail, args=(process.stderr, reason), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield from _after(b"\n" + marker + b"\n", self._pieces(process.stdout))
            process.wait()
        finally:
            _end(process)
        threads[1].join(_POLL_S)
        if process.returncode:
            raise _failure(process.returncode, b"".join(reason))

    def _pieces(self, stream: IO[bytes]) -> Iterator[bytes]:
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while True:
                if self.must_stop():
                    raise LinkLost("the copy was stopped")
                if not selector.select(_POLL_S):
                    continue
                piece = os.read(stream.fileno(), _CHUNK)
                if not piece:
                    return
                yield piece


def _after(mark: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What comes after a mark.

    Raises:
        LinkLost: it does not come.
    """
    head = b"\n"
    for piece in pieces:
        head += piece
        before, found, rest = head.partition(mark)
        if found:
            if rest:
                yield rest
            yield from pieces
            return
        if len(before) > GREETING_LIMIT:
            break
    raise LinkLost("its shell did not start")


def _write(stream: IO[bytes], data: bytes) -> None:
    with suppress(OSError, ValueError):  # it ended before it had read everything: its status says why
        while data:
            data = data[stream.write(data) :]
        stream.close()


def _tail(stream: IO[bytes], into: list[bytes]) -> None:
    with suppress(OSError, ValueError):
        while piece := stream.read(_TAIL):
            into[:] = [b"".join([*into, piece])[-_TAIL:]]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        with suppress(OSError):
            stream.close()  # type: ignore[union-attr]


NO_FOLDER = 9
"""The status of a script whose folder does not exist."""


def _failure(status: int, stderr: bytes) -> ShopperError:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    said = lines[-1][:200] if lines else f"status {status}"
    if status == NO_FOLDER:
        said = said.rpartition("cd: ")[2]  # the shell's own name and line say nothing to a person
        return ShopperError(f"the folder cannot be read there: {said}", "look at its name", code="folder_not_found")
    return LinkLost(f"the connection was lost: {said}")
