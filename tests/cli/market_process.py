"""A sandbox as a process of its own, for homes that are set up by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_S = 60


@dataclass(frozen=True)
class Market:
    url: str
    key: str


@contextmanager
def serve(folder: Path) -> Iterator[Market]:
    """A market that keeps itself in this folder; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gpushopper.sandbox", "serve", "--home", str(folder), "--rate-gaps", "off"],
        text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        vast = json.loads(process.stdout.readline())["dialects"]["vast"]
        yield Market(vast["url"], vast["keys"]["api_key"])
    finally:
        process.terminate()
        process.communicate(timeout=STOP_S)
