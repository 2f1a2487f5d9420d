"""The unit of docs/deploy for a server: systemd reads it, and it leaves the daemon what a lab's socket needs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gpushopper.paths import GROUP_FOLDER
from tests.floors.tree import text_of
from tests.needs import needs
from tests.packages.compose import DEPLOY

UNIT = DEPLOY / "gpu-shopper.service"


def values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text_of(UNIT), re.MULTILINE)


def calls_of(group: str) -> set[str]:
    """The system calls of one of systemd's groups."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    lines = {line.strip() for line in said.stdout.splitlines()[1:] if line.strip() and "#" not in line}
    groups = {line for line in lines if line.startswith("@")}
    return lines - groups | {call for each in groups for call in calls_of(each)}


@pytest.mark.proofs
@needs("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path):
    path = tmp_path / UNIT.name
    path.write_text(text_of(UNIT).replace("/opt/gpu-shopper/bin/gpu-shopper", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.proofs
@needs("systemd-analyze")
def test_the_socket_of_a_lab_can_be_made_and_given_to_its_group():
    allowed: set[str] = set()
    for value in values("SystemCallFilter"):
        calls = calls_of(value.removeprefix("~"))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    assert {"chown", "fchownat"} <= allowed and not {"mount", "setuid", "chroot"} & allowed
    assert values("ProtectSystem") == ["strict"] and f"-{GROUP_FOLDER}" in values("ReadWritePaths")
    assert values("CapabilityBoundingSet") == [""], "with it a chown goes to a group of its own, and no further"
