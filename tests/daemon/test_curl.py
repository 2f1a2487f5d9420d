"""The examples of docs/api.md, as they are printed, with a real curl against the daemon of a sandbox."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.api_reference import GUIDE, MARK
from tests.needs import needs
from tests.sandbox_home import SandboxHome, sandbox_home

EXAMPLES = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(encoding="utf-8").partition(MARK)[0], re.M | re.S)


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))  # short: sockets live under it
    with sandbox_home(top / "h", 5, "--paper") as made:
        yield made
    shutil.rmtree(top, ignore_errors=True)


@pytest.mark.proofs
@needs("curl", "bash")
def test_every_example_of_the_guide_does_what_it_says(sandbox: SandboxHome):
    folder = sandbox.top / "work"
    folder.mkdir()
    variables = {**sandbox.variables, "PATH": f"{Path(sys.executable).parent}:{sandbox.variables['PATH']}"}
    done = subprocess.run(
        ["bash", "-euc", "\necho\n".join(EXAMPLES)], cwd=folder, env=variables, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (session,) = json.loads(sandbox.must("sessions", "-a", "--json"))["sessions"]
    assert session["name"] == "by-curl" and session["end_stage"] != ""
    accepted = re.findall(r'"event": (\d+), "text"', done.stdout)
    assert len(accepted) == 3 and accepted[0] == accepted[1] != accepted[2]


def test_the_guide_has_examples():
    assert sum(each.count("api ") for each in EXAMPLES) >= 15
