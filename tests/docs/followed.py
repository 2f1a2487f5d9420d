"""Documents typed as they stand there, in a folder and a home of their own, block by block from the top.

A `console` block is typed line by line, and what it shows is compared, numbers aside; an `sh` block is one script for
`sh -e`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.docs.pages import Block
from tests.floors.tree import ROOT

LIMIT_S = 240
REAL = f"{sys.executable} -m gpushopper.cli"

NUMBER = re.compile(r"(?<![\w.])[\w.:/-]*\d[\w.:/]*(-\w+)*")
PASSING = re.compile(r"request|start|ready")
"""What is shown on the way: how much of it, and how it is put, depends on how quick each step is."""

IN_SANDBOX = f"""#!/bin/sh
case "${{1:-}}" in sandbox|--sandbox|--version) exec {REAL} "$@" ;; esac
exec {REAL} --sandbox "$@"
"""
"""A `gpu-shopper` whose clouds are simulated, whatever is typed."""


def shape(line: str) -> str:
    """A line without its numbers, ids, times and padding."""
    return " ".join(re.sub(r"\(?(\bnow|# ago)\b\)?", "#", NUMBER.sub("#", line)).split())


def lines_of(blocks: Sequence[Block]) -> list[tuple[str, list[str]]]:
    """Each command of console blocks, and the shapes of the lines under it."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(block.text for block in blocks if block.language == "console").splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif line.strip():
            found[-1][1].append(shape(line))
    return found


def differences(shown: list[str], done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines that a page shows and the command did not say; without a `...` also what it leaves out of the answer."""
    answer, said = ([shape(each) for each in text.splitlines() if each.strip()] for text in (done.stdout, done.stderr))
    wrong = [each for each in shown if each not in [*answer, *said] and each != "..." and not PASSING.match(each)]
    return wrong if "..." in shown else wrong + [each for each in answer if each not in shown]


class Typist:
    """Types lines in a folder, where `gpu-shopper` is the installed one or, by `is_in_sandbox`, the sandbox's."""

    def __init__(self, top: Path, *, is_in_sandbox: bool) -> None:
        self.top = top
        programs = top / "bin"
        programs.mkdir()
        (programs / "gpu-shopper").write_text(IN_SANDBOX if is_in_sandbox else f'#!/bin/sh\nexec {REAL} "$@"\n')
        (programs / "gpu-shopper").chmod(0o755)
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environ = {**os.environ, "PATH": path, "GPU_SHOPPER_HOME": str(top / "home"), "HOME": str(top)}

    def __call__(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run it; its folder is called /srv/work in what it says."""
        done = subprocess.run(
            ["sh", "-ec", text], cwd=self.top, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        done.stdout, done.stderr = (said.replace(str(self.top), "/srv/work") for said in (done.stdout, done.stderr))
        return done

    def must(self, text: str) -> subprocess.CompletedProcess[str]:
        done = self(text)
        assert done.returncode == 0, f"{text}\n{done.returncode}: {done.stdout}{done.stderr}"
        return done

    def settle(self) -> None:
        """What whoever follows a page has: keys in files, the ten lines, and limits for more than a person rents."""
        home = self.top / "home" / "sandbox"
        for cloud, parts in tomllib.loads((home / "keys.toml").read_text()).items():
            (self.top / f"{cloud}-key.txt").write_text("\n".join(parts.values()) + "\n")
        shutil.copy(ROOT / "docs/overnight.sh", self.top)
        with (home / "config.toml").open("a") as settings:
            settings.write("[brakes]\nopen_sessions = 20\ncreates_per_hour = 200\ndollars_per_hour = 100\n")
