"""When the demo agrees with the market, and that it leaves nothing behind when it is interrupted.

The whole story is told in tests/e2e.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gpushopper.cli.demo_books import Side, agrees

OURS = Side(instances=("1",), gone=True, micros=139_200)


@pytest.mark.parametrize(
    ("theirs", "agree"),
    [
        (OURS, True),
        (OURS._replace(micros=139_900), True),
        (OURS._replace(micros=150_000), False),
        (OURS._replace(gone=False), False),
        (OURS._replace(instances=("1", "2")), False),
        (OURS._replace(instances=()), False),
    ],
)
def test_receipt_and_ledger_must_agree(theirs: Side, agree: bool):
    assert agrees(OURS, theirs) is agree


def leftovers(folder: Path) -> list[str]:
    """Processes whose command or environment names a home in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if f"{folder}/gs-demo-".encode() in text:
            found.append(process.name)
    return found


@pytest.fixture
def short_tmp() -> str:
    return tempfile.mkdtemp(prefix="t")


@pytest.mark.proofs
def test_an_interrupted_demo_leaves_nothing(short_tmp: str, wait_until: Callable[..., None]):
    process = subprocess.Popen(
        [sys.executable, "-m", "gpushopper.cli", "demo"],
        env={**os.environ, "TMPDIR": short_tmp},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if b"--sandbox inventory" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    process.stdout.read()
    process.stdout.close()
    assert process.wait(timeout=30) == 130
    wait_until(lambda: leftovers(Path(short_tmp)) == [], timeout_s=10)
    assert list(Path(short_tmp).iterdir()) == []
    os.rmdir(short_tmp)
