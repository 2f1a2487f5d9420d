"""TAB in real shells, through a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
from pathlib import Path

import pytest

from gpushopper.clock import SystemClock
from tests.needs import needs

pytestmark = pytest.mark.proofs

SCRIPTS = Path(__file__).parents[2] / "completions"
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
LIMIT_S = 20.0


class Typed:
    """A shell at a terminal."""

    def __init__(self, name: str, home: Path) -> None:
        variables = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "xterm", "GPU_SHOPPER_HOME": str(home)}
        pid, self._terminal = pty.fork()
        if pid == 0:
            os.execvpe(SHELLS[name][0], SHELLS[name], {**variables, "PS1": "$ ", "LANG": "C.UTF-8"})
        self.pid = pid
        self._seen = ""

    def type(self, text: str, expected: str) -> str:
        """Type, and return what was shown from there on until `expected` is part of it; fails after LIMIT_S."""
        os.write(self._terminal, text.encode())
        clock, seen = SystemClock(), ""
        began = clock.monotonic()
        while expected not in seen and clock.monotonic() - began < LIMIT_S:
            if select.select([self._terminal], [], [], 0.1)[0]:
                seen += os.read(self._terminal, 65536).decode(errors="replace")
        assert expected in seen, seen
        return seen

    def close(self) -> None:
        """Hang up."""
        os.close(self._terminal)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in SHELLS])
def test_names_of_sessions_are_completed(name: str, tmp_path: Path):
    (tmp_path / "names").write_text("open\tpaper-3\nended\tpast\nconsumer\talice\n")
    shell = Typed(name, tmp_path)
    try:
        shell.type("echo be''gun\n", "begun")
        shell.type(f". {SCRIPTS / f'gpu-shopper.{name}'}; echo lo''aded\n", "loaded")
        shell.type("gpu-shopper ssh pap\t", "paper-3")
        shell.type("\x15gpu-shopper get pas\t", "past")
        shell.type("\x15gpu-shopper prov\t", "provision")
        shell.type("\x15gpu-shopper ls -c al\t", "alice")
        assert "not found" not in shell.type("\x15gpu-shopper cp pap\t", "er-3:")
    finally:
        shell.close()
