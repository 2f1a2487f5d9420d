"""The computer never comes back, at a cloud that bills a VM which is powered off: what happens, and what was said.

A real TensorDock VM of the live sandbox: its guard powers it off at the deadline, and only a daemon ends the bill (D7,
F88, E9).
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

WAIT_S = 240
VM = ("--gpu", "RTX 4090", "-p", "tensordock", "--for", "60s")


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 7, "--live") as made:
        yield made


def instance_of(sandbox: SandboxHome, number: str) -> dict[str, Any]:
    return next(row for row in sandbox.ledger()["instances"] if row["id"] == number)


def test_the_vm_powers_off_and_bills_on_until_a_daemon_destroys_it(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    refused = sandbox.run("provision", *VM, "--name", "left", "--yes")
    assert refused.returncode == 6, refused.stdout
    assert "and bill on if this computer never comes back" in refused.stderr
    plan = sandbox.run("plan", *VM, "--allow-unguarded")
    assert "never comes back" in plan.stdout + plan.stderr, "and how much an hour"
    sandbox.must("provision", *VM, "--name", "left", "--yes", "--allow-unguarded")
    session = json.loads(sandbox.must("get", "left", "--json"))["session"]
    assert session["guards"] == "D", "nobody else ends its bill"

    os.kill(sandbox.daemon_pid(), signal.SIGKILL)
    number = session["attempts"][-1]["instance_id"]
    wait_until(lambda: instance_of(sandbox, number)["state"] != "running", timeout_s=WAIT_S)
    row = instance_of(sandbox, number)
    assert (row["state"], row["ended_at"]) == ("stopped", None), "powered off by its guard; the cloud keeps billing"

    sandbox.must("status")  # starts a daemon, which finds the deadline passed
    wait_until(lambda: instance_of(sandbox, number)["state"] == "gone", timeout_s=WAIT_S)
    assert instance_of(sandbox, number)["ended_by"] == "api"
    wait_until(lambda: sandbox.sessions()[0]["end_stage"] == "proven", timeout_s=WAIT_S)
    receipt = json.loads(sandbox.must("get", "left", "--json"))["session"]["attempts"][-1]["receipt"]
    assert receipt, "destroyed with proof"
