"""Commands run inside the test's own process, with or without somebody at a terminal: quicker than a child each."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from gpushopper.cli import main
from tests.cli.ran import Ran


class Stream(io.StringIO):
    """A stream that is a terminal, or is none."""

    def __init__(self, text: str = "", *, is_terminal: bool = False) -> None:
        super().__init__(text)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


class Inside:
    """Runs `gpu-shopper` in one home."""

    def __init__(self, home: Path, *first: str) -> None:
        self.home = home
        self._first = first

    def __call__(self, *words: str, answer: str | None = None, stdin: str = "", **variables: str) -> Ran:
        """Run a command; with an `answer`, on a terminal where somebody types that, otherwise `stdin` in a pipe."""
        is_terminal = answer is not None
        out, err = Stream(is_terminal=is_terminal), Stream(is_terminal=is_terminal)
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in {"GPU_SHOPPER_HOME": str(self.home), **variables}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", Stream(answer or stdin, is_terminal=is_terminal))
            code = main([*self._first, *words])
        return Ran(code, out.getvalue(), err.getvalue())
