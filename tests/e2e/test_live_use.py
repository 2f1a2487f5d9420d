"""A rented instance in use: real OpenSSH and scp, exit statuses passed on, work that outlives its command."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

SECRET = "s3cr3t-of-this-test-alone"
SETUP = """echo setting up
test "$TOKEN" = s3cr3t-of-this-test-alone && test "$TEAM" = alpha || exit 9
echo once >>/root/set-up
"""


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 13, "--live") as made:
        made.variables["TOKEN"] = SECRET
        yield made


def places_of(secret: bytes, folder: Path) -> list[Path]:
    """Files of this computer that hold it; an instance's own disk is not ours."""
    found = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "live"]
        for path in (Path(top) / name for name in names):
            if path.is_file() and secret in path.read_bytes():
                found.append(path)
    return found


def test_a_day_of_work(sandbox: SandboxHome, tmp_path: Path, wait_until: Callable[..., None]) -> None:
    script = tmp_path / "setup.sh"
    script.write_text(SETUP)
    sandbox.must(
        "provision", "--gpu", "RTX 4090", "--for", "20m", "--name", "work", "--yes", "--setup", str(script),
        "--env", "TEAM=alpha", "--secret-env", "TOKEN",
    )  # fmt: skip
    assert sandbox.must("ssh", "work", "--", "cat /root/set-up") == "once\n"
    assert sandbox.run("ssh", "work", "--", "sh", "-c", "exit 7").returncode == 7

    done = sandbox.run("run", "work", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout) == (3, "out\n") and "err" in done.stderr

    there = tmp_path / "there.bin"
    there.write_bytes(os.urandom(2_000_000))
    sandbox.must("cp", str(there), "work:there.bin")
    sandbox.must("cp", "work:there.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == there.read_bytes()

    # The managed configuration serves any program that speaks through ssh.
    managed = sandbox.home / "ssh" / "config"
    wait_until(lambda: managed.is_file() and "gpu-shopper-work" in managed.read_text(), timeout_s=60)
    copied = subprocess.run(
        ["scp", "-F", str(managed), str(there), "gpu-shopper-work:scp.bin"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert copied.returncode == 0, copied.stderr
    assert sandbox.must("ssh", "work", "--", "cmp there.bin scp.bin && echo same") == "same\n"

    # The command that began it is over; the work is not.
    lines = "for i in 1 2 3 4; do echo line $i; sleep 1; done"
    begun = sandbox.must("run", "work", "--detach", "--", "sh", "-c", lines)
    assert begun.strip()
    wait_until(lambda: "line 4" in sandbox.must("logs", "work"), timeout_s=60)
    assert "line 4" in sandbox.must("logs", "work", "-f")

    assert places_of(SECRET.encode(), sandbox.top) == []
    told = (sandbox.home / "market" / "market.json").read_text()
    assert SECRET not in told and "alpha" in told

    assert sandbox.run("run", "work", "--rm", "--", "false").returncode == 1
    wait_until(lambda: sandbox.sessions()[0]["end_stage"] in ("off", "proven"), timeout_s=60)
    assert "line 4" in sandbox.must("logs", "work", begun.strip())  # its output is kept here
    assert "run_done" in sandbox.must("why", "work", "--replay") and "exit 1" in sandbox.must("run", "ls", "work")
    (row,) = sandbox.ledger()["instances"]
    assert row["state"] == "gone" and row["ended_by"] in ("instance_key", "api")


def session_of(sandbox: SandboxHome, name: str) -> dict[str, Any]:
    return sandbox.session(name)


def hangs_up(sandbox: SandboxHome) -> None:
    """Close the daemon's shared connections, as a lost link would."""
    for control in sandbox.home.glob("run/c-*"):
        subprocess.run(
            ["ssh", "-F", "/dev/null", "-o", f"ControlPath={control}", "-O", "exit", "any"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False,
        )  # fmt: skip


def test_a_failed_setup_is_reported_and_the_session_continues(
    sandbox: SandboxHome, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    script = tmp_path / "setup.sh"
    script.write_text("echo no; exit 5\n")
    done = sandbox.run(
        "provision", "--gpu", "RTX 4090", "--for", "10m", "--name", "bad", "--yes", "--setup", str(script)
    )
    assert done.returncode == 125
    assert "ended with status 5" in done.stderr and "continues and bills" in done.stderr
    assert session_of(sandbox, "bad")["status"] == "running"

    # A new deadline holds once the guard has confirmed it: until then the instance would end at the former one.
    assert "now ends" in sandbox.must("extend", "bad", "--yes", "--for", "30m")
    longer = session_of(sandbox, "bad")
    known, wanted = (datetime.fromisoformat(longer[name]) for name in ("guard_deadline_at", "deadline_at"))
    assert longer["guard_in_sync"] and abs(known - wanted).total_seconds() < 30
    sandbox.must("sandbox", "fault", "add", "vast", "host", "ssh_refuse")
    wait_until(lambda: hangs_up(sandbox) or session_of(sandbox, "bad")["health"] == "unreachable", timeout_s=60)
    done = sandbox.run("extend", "bad", "--yes", "--for", "30m", "--timeout", "3s")
    assert done.returncode == 8, done.stdout + done.stderr
    assert "yet and would end itself at" in done.stderr
    assert "has not confirmed the new deadline yet" in sandbox.must("get", "bad")
    sandbox.must("sandbox", "fault", "clear")
    wait_until(lambda: session_of(sandbox, "bad")["guard_in_sync"], timeout_s=60)


def test_a_simulated_instance_has_no_shell(tmp_path: Path) -> None:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    with sandbox_home(top / "h", 14) as simulated:
        simulated.must("provision", "--gpu", "RTX 4090", "--for", "10m", "--name", "flat", "--yes")
        for words in (["ssh", "flat"], ["run", "flat", "--", "true"], ["logs", "flat"], ["cp", "x", "flat:x"]):
            done = simulated.run(*words)
            assert done.returncode not in (0, 1), words
            assert "simulated instance" in done.stderr, (words, done.stderr)
