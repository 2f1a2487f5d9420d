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

    def __init__(self, patch: pytest.MonkeyPatch, home: Path, *first: str) -> None:
        self._patch = patch
        self._first = first
        patch.setenv("GPU_SHOPPER_HOME", str(home))

    def __call__(self, *words: str, answer: str | None = None) -> Ran:
        """Run a command; with an `answer`, on a terminal where somebody types that."""
        is_terminal = answer is not None
        out, err = Stream(is_terminal=is_terminal), Stream(is_terminal=is_terminal)
        self._patch.setattr(sys, "stdin", Stream(answer or "", is_terminal=is_terminal))
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*self._first, *words])
        return Ran(code, out.getvalue(), err.getvalue())
