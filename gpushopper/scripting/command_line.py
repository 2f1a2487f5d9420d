"""The command line as a child process, for what needs ssh; its output is shown as it comes, and kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, TextIO

from gpushopper.errors import ShopperError, from_wire


@dataclass(frozen=True, slots=True)
class Output:
    """How a command ended, and what it wrote to stdout and stderr."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`gpu-shopper`, in this Python; `words` go before each command (`--sandbox`)."""

    words: tuple[str, ...] = ()

    def run(self, *words: str, shows: bool = False) -> Output:
        """Run a command to its end; with `shows`, what it writes also goes to our own stdout and stderr at once."""
        command = [sys.executable, "-m", "gpushopper.cli", *self.words, *words]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="replace",
        ) as child:  # fmt: skip
            out = _Reader(child.stdout, sys.stdout if shows else None)
            err = _Reader(child.stderr, sys.stderr if shows else None)
            try:
                status = child.wait()
            except BaseException:  # interrupted: the command must not outlive us
                child.terminate()
                raise
            finally:
                texts = out.text(), err.text()
        return Output(status, *texts)

    def must(self, *words: str) -> str:
        """Run a command that has to succeed; what it wrote to stdout.

        Raises:
            ShopperError: it failed; of the class that its exit status stands for.
        """
        done = self.run(*words)
        if done.status:
            raise failure(done, words)
        return done.stdout


def failure(done: Output, words: Sequence[str]) -> ShopperError:
    """The error of a command that failed, with what it has said."""
    text = done.stderr.strip().removeprefix("error: ") or f"gpu-shopper {words[0]} ended with status {done.status}"
    return from_wire("command_failed", text, "", done.status)


class _Reader:
    """Reads one output of a child on a thread of its own, so that neither fills up while the other is read."""

    def __init__(self, source: IO[str] | None, shown_on: TextIO | None) -> None:
        self._source, self._shown_on = source, shown_on
        self._pieces: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._source or ():
            self._pieces.append(line)
            if self._shown_on is not None:
                self._shown_on.write(line)
                self._shown_on.flush()

    def text(self) -> str:
        """All of it, once the child has ended."""
        self._thread.join()
        return "".join(self._pieces)
