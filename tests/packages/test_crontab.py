"""The recipes of docs/deploy/crontab: cron could read each line, and each command does what is said above it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.floors.tree import text_of
from tests.packages.compose import DEPLOY
from tests.sandbox_home import SandboxHome, sandbox_home

LINE = re.compile(r"^(?:@reboot|(?:[\d*/]+ ){4}[\d*/]+) (?P<command>.+)$")
LIMIT_S = 120


def recipes() -> list[str]:
    """The commands as cron hands them to the shell: a % is written with a backslash there."""
    lines = [line for line in text_of(DEPLOY / "crontab").splitlines() if line and not re.match(r"#|[A-Z_]+=", line)]
    found = [LINE.match(line) for line in lines]
    assert None not in found, lines
    commands = [each["command"] for each in found if each]
    assert not [line for line in commands if re.search(r"(?<!\\)%", line)], "cron would end the command there"
    return [line.replace(r"\%", "%") for line in commands]


def test_every_line_is_one_that_cron_reads():
    assert len(recipes()) == 5


def test_they_are_about_this_computer_wherever_commands_are_about_a_server():
    """Else `shutdown --all` of a laptop would end what a whole lab rents, and nothing of the laptop's."""
    lines = text_of(DEPLOY / "crontab").splitlines()
    assert lines.index("GPU_SHOPPER_HOST=local") < min(n for n, line in enumerate(lines) if "gpu-shopper " in line)


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    """Short: sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="gs-", dir="/tmp") as top, sandbox_home(Path(top), 7, "--paper") as made:
        yield made


def run(sandbox: SandboxHome, command: str) -> subprocess.CompletedProcess[str]:
    """Run a recipe in the sandbox, with what cron gives a job, and the line `PATH` above."""
    (path,) = re.findall(r"^PATH=(.*)$", text_of(DEPLOY / "crontab"), re.MULTILINE)
    alone = {"HOME": str(sandbox.top), "LOGNAME": "alice", "SHELL": "/bin/sh", "GPU_SHOPPER_HOME": str(sandbox.top)}
    programs = path.replace("/opt/gpu-shopper/bin", os.path.dirname(sys.executable))
    words = ["/bin/sh", "-c", command.replace("gpu-shopper ", "gpu-shopper --sandbox ")]
    return subprocess.run(
        words, env={**alone, "PATH": programs}, cwd=sandbox.top, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip


@pytest.mark.proofs
def test_each_recipe_does_what_it_says(sandbox: SandboxHome):
    at_boot, again, evening, morning, night = recipes()
    assert at_boot == again
    for command in (at_boot, again):
        assert run(sandbox, command).returncode == 0
    sandbox.must("provision", "--gpu", "4090", "--hours", "1", "--name", "try", "--yes")
    quiet = run(sandbox, morning)
    assert (quiet.returncode, quiet.stdout + quiet.stderr) == (0, ""), "nothing to mail"
    assert run(sandbox, night).returncode == 0 and list(sandbox.top.glob("gpu-shopper-2*.db"))
    ended = run(sandbox, evening)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert [row["status"] for row in sandbox.sessions()] in (["stopping"], ["stopped"])
