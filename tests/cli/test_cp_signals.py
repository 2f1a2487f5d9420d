"""A signal to `cp` ends what it started, and leaves nothing but the part folder that its advice speaks of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.copies import CARRIERS
from tests.cli.far_side import Far
from tests.ssh_hosts import limit


@pytest.mark.parametrize(
    ("direction", "number"),
    [
        ("up", signal.SIGTERM),
        pytest.param("down", signal.SIGINT, marks=pytest.mark.proofs),
        pytest.param("down", signal.SIGHUP, marks=pytest.mark.proofs),
    ],
)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_signal_ends_all_that_was_started(
    carrier: str, direction: str, number: int, tmp_path: Path, wait_until: Callable[..., None]
):
    far = Far(tmp_path, carrier)
    give = far.here if direction == "up" else far.home
    (give / "big").write_bytes(bytes(2_000_000))
    words = ("big", "train:copy") if direction == "up" else ("train:big", "copy")
    with far.thin(500_000, "hang"):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.far_side", str(tmp_path), *words], stderr=subprocess.PIPE,
            env={**os.environ, "PATH": f"{far.bin}:/usr/bin:/bin"}, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        timer = limit(process, 60)
        started = far.limit.with_suffix(".pids")
        wait_until(lambda: started.exists() and started.read_text().endswith("\n"), timeout_s=60)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        timer.cancel()
    assert process.returncode == 130, said
    assert said.decode().splitlines() == [
        "interrupted", "  what has arrived is kept; the same command resumes the copy"
    ]  # fmt: skip
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started.read_text().split()), timeout_s=30)
    left = os.listdir(far.home if direction == "up" else far.here)
    assert len(left) == 1 and ".gs-part" in left[0]
