"""Self-destruct: without a daemon, instances end themselves on time, by their own key (F55, F89-F92, I10, D7).

Real daemon, real boot script, real guard, contained as `sandbox start --live` contains them; the sandbox's ledger is
the only evidence.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

LIFE_S = 60
TOLERANCE_S = 60
WAIT_S = 240
IMAGE = "nvidia/cuda:12.4.1-base-ubuntu22.04"


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 7, "--live") as made:
        yield made


def rent(sandbox: SandboxHome, *words: str) -> dict[str, Any]:
    """Rent for a short time; the session as it was when it became ready."""
    sandbox.must("provision", "--gpu", "RTX 4090", "--for", f"{LIFE_S}s", "--name", "gone", "--yes", *words)
    return json.loads(sandbox.must("get", "gone", "--json"))["session"]


def leave(sandbox: SandboxHome) -> None:
    """kill -9, and no daemon is started again."""
    os.kill(sandbox.daemon_pid(), signal.SIGKILL)


def instance_of(sandbox: SandboxHome, number: str) -> dict[str, Any]:
    return next(row for row in sandbox.ledger()["instances"] if row["id"] == number)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def ends_alone(sandbox: SandboxHome, session: dict[str, Any], wait_until: Callable[..., None]) -> float:
    """Wait for the end, and see who brought it; seconds past the deadline."""
    number = session["attempts"][-1]["instance_id"]
    wait_until(lambda: instance_of(sandbox, number)["state"] == "gone", timeout_s=WAIT_S)
    row = instance_of(sandbox, number)
    assert row["ended_by"] == "instance_key"
    ends = [d for d in sandbox.ledger()["destroys"] if d["id"] == number and d["outcome"]["effect"] == "gone"]
    assert {d["by"] for d in ends} == {"instance_key"}
    late = at(row["ended_at"]) - at(session["deadline_at"])
    print(f"\nended {late:+.1f} s from its deadline")
    assert late <= TOLERANCE_S
    return late


def test_it_ends_itself_at_its_deadline(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    session = rent(sandbox)
    assert session["guards"] == "D+I"
    leave(sandbox)
    assert ends_alone(sandbox, session, wait_until) > -15, "it was still wanted"


FAULTS = {
    "a day forward": ("clock_skew", "1d"),
    "a day back": ("clock_skew", "-1d"),
    "its host reboots": ("reboot",),
}


@pytest.mark.sweep
@pytest.mark.parametrize("fault", FAULTS)
def test_it_ends_itself_whatever_its_host_does(
    sandbox: SandboxHome, fault: str, wait_until: Callable[..., None]
) -> None:
    session = rent(sandbox)
    leave(sandbox)
    sandbox.fault("host", *FAULTS[fault])
    assert ends_alone(sandbox, session, wait_until) > -15, "it was still wanted"


@pytest.mark.sweep
def test_one_guard_process_is_enough(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    session = rent(sandbox)
    sandbox.must("ssh", "gone", "--", "kill -9 $(cut -d' ' -f1 .gs-guard/holder1)")
    leave(sandbox)
    assert ends_alone(sandbox, session, wait_until) > -15, "it was still wanted"


@pytest.mark.sweep
@pytest.mark.parametrize("gaps", ["nopython", "nocurl", "nocurl-nopython"])
def test_it_ends_itself_with_what_its_image_has(
    sandbox: SandboxHome, gaps: str, wait_until: Callable[..., None]
) -> None:
    session = rent(sandbox, "--image", f"{IMAGE}-{gaps}")
    leave(sandbox)
    ends_alone(sandbox, session, wait_until)


@pytest.mark.sweep
def test_it_ends_itself_once_it_can_reach_its_provider_again(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    session = rent(sandbox)
    leave(sandbox)
    sandbox.fault("host", "no_egress", "--for", "70s")
    ends_alone(sandbox, session, wait_until)


def test_an_instance_that_could_not_end_itself_never_becomes_ready(sandbox: SandboxHome) -> None:
    """No client for HTTPS in the image: reported before the session is ready, ended with a receipt (I10, F92)."""
    done = sandbox.run(
        "provision", "--gpu", "RTX 4090", "--for", "5m", "--name", "mute", "--yes", "--retries", "0",
        "--image", f"{IMAGE}-nocurl-nowget-nopython",
    )  # fmt: skip
    assert done.returncode == 7, done.stdout + done.stderr
    sandbox.must("shutdown", "mute", "--yes", "--wait", "proven")
    (session,) = sandbox.sessions()
    assert session["ready_at"] is None
    assert {a["reason"] for a in session["attempts"]} == {"guard_not_armed"}
    assert all(a["receipt"] for a in session["attempts"])


@pytest.mark.sweep
def test_with_allow_broken_guard_it_becomes_ready_and_shows_no_guard(sandbox: SandboxHome) -> None:
    session = rent(sandbox, "--image", f"{IMAGE}-nocurl-nowget-nopython", "--allow-broken-guard")
    assert (session["guards"], session["guard_state"]) == ("D", "unconfirmed")
