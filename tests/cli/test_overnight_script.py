"""The ten lines of docs/overnight.sh: what goes wrong in them ends the session. That all goes well: test_cron.py."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.cli.bad_days import COMMAND
from tests.cli.conftest import Shell
from tests.cli.ran import Ran

SCRIPT = Path(__file__).parents[2] / "docs" / "overnight.sh"
LIMIT_S = 120


def program(folder: Path) -> Path:
    """A folder for PATH whose gpu-shopper works in the sandbox, as a user's own script does at real clouds."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gpu-shopper").write_text(f'#!/bin/sh\nexec {COMMAND} --sandbox "$@"\n')
    (folder / "gpu-shopper").chmod(0o755)
    return folder


def test_it_has_ten_lines():
    assert len(SCRIPT.read_text().splitlines()) == 10


def test_where_the_run_fails_the_session_ends_and_the_status_says_so(market: Shell, tmp_path: Path):
    """A simulated instance has no shell, so that the run cannot be started: 125."""
    path = f"{program(tmp_path / 'bin')}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(SCRIPT)], cwd=tmp_path, env={**os.environ, "PATH": path, "GPU_SHOPPER_HOME": str(market.home)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    ran = Ran(done.returncode, done.stdout, done.stderr)
    assert ran.code == 125 and "no shell" in ran.err, ran
    assert ran.out.splitlines()[-1].startswith("night-") and " off " in ran.out.splitlines()[-1], ran
    assert not (tmp_path / "results").exists()
