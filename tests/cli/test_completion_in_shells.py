"""TAB in real shells, through a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
from collections.abc import Callable, Iterator
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
TAB_MS = 80
"""From the key to the completed word, the quickest of a few: other work on the computer does not count."""
LINES = 300
"""Names in the file: more than most have."""


class Typed:
    """A shell at a terminal."""

    def __init__(self, name: str, home: Path) -> None:
        variables = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "xterm", "GPU_SHOPPER_HOME": str(home)}
        pid, self._terminal = pty.fork()
        if pid == 0:
            os.execvpe(SHELLS[name][0], SHELLS[name], {**variables, "PS1": "$ ", "LANG": "C.UTF-8"})
        self.pid, self.name = pid, name
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

    def settle(self) -> None:
        """Wait until nothing more is shown."""
        while select.select([self._terminal], [], [], 0.3)[0]:
            os.read(self._terminal, 65536)

    def close(self) -> None:
        """Hang up."""
        os.close(self._terminal)
        os.waitpid(self.pid, 0)


@pytest.fixture(params=[pytest.param(name, marks=needs(name)) for name in SHELLS])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Typed]:
    """A shell that completes, in a home with some names."""
    many = "".join(f"ended\tolder-{number}\n" for number in range(LINES))
    (tmp_path / "names").write_text(
        f"open\tpaper-3\nended\tpast\nconsumer\talice\ntag\ttopic=vision\noffer\tvast:9001\nrun\taa11bb22\tpast\n"
        f"alarm\t12\nbackup\tgpu-shopper-20261130T120000Z-daily-schema8.db\n{many}"
    )
    made = Typed(request.param, tmp_path)
    try:
        made.type("echo be''gun\n", "begun")
        made.type(f". {SCRIPTS / f'gpu-shopper.{request.param}'}; echo lo''aded\n", "loaded")
        yield made
    finally:
        made.close()


def test_words_and_names_are_completed(shell: Typed):
    shell.type("gpu-shopper ssh pap\t", "paper-3")
    shell.type("\x15gpu-shopper get pas\t", "past")
    shell.type("\x15gpu-shopper prov\t", "provision")
    shell.type("\x15gpu-shopper ls -c al\t", "alice")
    assert "not found" not in shell.type("\x15gpu-shopper cp pap\t", "er-3:")
    shell.type("\x15gpu-shopper run sto\t", "stop")
    shell.type("\x15gpu-shopper logs past aa\t", "aa11bb22")
    shell.type("\x15gpu-shopper backup restore ne\t", "newest")
    shell.type("\x15gpu-shopper backup restore gpu-sh\t", "gpu-shopper-20261130T120000Z-daily-schema8.db")
    shell.type("\x15gpu-shopper events --kind self\t", "self_ended")
    shell.type("\x15gpu-shopper alarms ack 1\t", "12")


def test_words_with_signs_at_which_bash_splits_are_completed(shell: Typed):
    shell.type("gpu-shopper costs --tag topic=vi\t", "topic=vision")
    shell.type("\x15gpu-shopper costs --tag=to\t", "--tag=topic=")
    shell.type("\x15gpu-shopper provision --offer vast:9\t", "vast:9001")
    shell.type("\x15gpu-shopper ls --status=fai\t", "--status=failed")


def test_tab_is_quick(shell: Typed, record_testsuite_property: Callable[[str, object], None]):
    """No Python is started for it: that alone would take longer."""
    for what, line, rest in (("word", "prov", "ision"), ("name", "ssh pap", "er-3")):
        took = []
        for _ in range(4):
            shell.type(f"\x15gpu-shopper {line}", line[-1])
            shell.settle()
            clock = SystemClock()
            began = clock.monotonic()
            shell.type("\t", rest)
            took.append((clock.monotonic() - began) * 1000)
        record_testsuite_property(f"tab_{shell.name}_{what}_ms", round(min(took), 1))
        assert min(took) < TAB_MS, took
