"""What the daemon's process and its jobs import: nothing that is for terminals."""

from __future__ import annotations

import subprocess
import sys


def test_no_library_for_terminals_is_imported():
    command = [sys.executable, "-X", "importtime", "-m", "gpushopper.daemon", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"structlog", "httpx"} <= imported
    assert {"rich.console", "pygments"} & imported == set()
