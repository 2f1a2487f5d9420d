"""README's example in Python, as it is printed, on live instances of the sandbox."""

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

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import SandboxHome, sandbox_home

README = Path(__file__).resolve().parents[2] / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)

FAILING = """
from gpushopper import Client
with Client(sandbox=True).rent("4090", hours=1) as box:
    box.run("exit 7")
"""


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 5, "--live") as made:
        yield made
    shutil.rmtree(top, ignore_errors=True)


def run(sandbox: SandboxHome, program: str) -> subprocess.CompletedProcess[str]:
    folder = sandbox.top / "work"
    folder.mkdir()
    (folder / "question.txt").write_text("how many\n")
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=sandbox.variables, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.mark.proofs
def test_the_example_of_readme_does_what_it_says(sandbox: SandboxHome):
    done = run(sandbox, EXAMPLES[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (sandbox.top / "work" / "answer.txt").read_text() == "HOW MANY\n"
    assert re.search(r"<Session py-\w+: running, 1x RTX 4090, \$0\.\d+/h on \w+, \$0\.\d+ so far, ends ", done.stdout)
    (session,) = json.loads(sandbox.must("sessions", "-a", "--json"))["sessions"]
    assert session["end_stage"] in ("off", "proven")


@pytest.mark.proofs
def test_a_failure_in_the_block_ends_the_session(sandbox: SandboxHome):
    program = (
        "from gpushopper import Client\nwith Client(sandbox=True).rent('4090', hours=1) as box:\n    box.run('exit 7')"
    )
    done = run(sandbox, program)
    assert done.returncode == 1 and "returned non-zero exit status 7" in done.stderr
    (session,) = json.loads(sandbox.must("sessions", "-a", "--json"))["sessions"]
    assert session["end_stage"] in ("off", "proven")


def test_readme_has_an_example():
    assert len(EXAMPLES) == 1 and compile(EXAMPLES[0], "README.md", "exec")
