"""Guards that may not act are refused before the session is ready; killed ones raise an alarm (F91, F92, I10).

Real daemon, real guard; what the host or the provider does to the guard is a fault word of the sandbox.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.e2e.test_self_destruct import TOLERANCE_S, at, ends_alone, instance_of, leave, rent
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

WAIT_S = 120
Wait = Callable[..., None]


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 23, "--live") as made:
        yield made
    shutil.rmtree(top, ignore_errors=True)


def session_of(sandbox: SandboxHome, name: str) -> dict[str, Any]:
    return json.loads(sandbox.must("get", name, "--json"))["session"]


def alarms(sandbox: SandboxHome) -> set[str]:
    return {row["kind"] for row in json.loads(sandbox.must("alarms", "--json"))["alarms"]}


# ---- the instance's own key


def test_an_instance_whose_own_key_is_refused_never_becomes_ready(sandbox: SandboxHome, wait_until: Wait) -> None:
    sandbox.fault("host", "key_scope", "none")
    done = sandbox.run("provision", "--gpu", "RTX 4090", "--for", "5m", "--name", "mute", "--yes", "--retries", "0")
    # The reason of the attempt; "guard refused" is a step on the way that a poll may miss.
    assert done.returncode == 7, done.stderr
    assert "it cannot end itself: the provider refuses the instance's own key" in done.stderr
    wait_until(lambda: session_of(sandbox, "mute")["end_stage"] == "proven", timeout_s=WAIT_S)

    session = session_of(sandbox, "mute")
    (attempt,) = session["attempts"]
    assert (session["status"], session["ready_at"], attempt["ready_at"]) == ("failed", None, None)
    assert (attempt["reason"], attempt["receipt"]["kind"]) == ("guard_not_armed", "proven")
    assert "it cannot end itself: the provider refuses the instance's own key" in sandbox.must("events", "--json")
    assert sandbox.run("ssh", "mute", "--", "true").returncode == 125
    assert "ready" not in [kind for _, kind in sandbox.changes()]

    ledger = sandbox.ledger()
    (row,) = ledger["instances"]
    assert (row["state"], row["ended_by"], row["id"]) == ("gone", "api", attempt["instance_id"])
    assert {(end["by"], end["outcome"]["effect"]) for end in ledger["destroys"]} == {("api", "gone")}
    assert at(row["ended_at"]) <= at(attempt["receipt"]["ended_at"]) <= at(attempt["receipt"]["proven_at"])
    billed = float(row["gpu_usd"]) + float(row["storage_usd"])
    assert billed <= float(attempt["accrued_usd"]), "the books must never say less than was billed"


@pytest.mark.sweep
def test_an_instance_that_may_only_stop_itself_stops_and_the_daemon_ends_it_later(
    sandbox: SandboxHome, wait_until: Wait
) -> None:
    """The self-test reads, and cannot know that a destroy will be refused: a stopped disk is the least harm (F23)."""
    sandbox.fault("host", "key_scope", "stop")
    number = rent(sandbox)["attempts"][-1]["instance_id"]
    leave(sandbox)
    wait_until(lambda: instance_of(sandbox, number)["state"] == "stopped", timeout_s=WAIT_S)
    assert instance_of(sandbox, number)["stopped_by"] == "instance_key"
    sandbox.must("shutdown", "gone", "--yes", "--wait", "proven")
    assert instance_of(sandbox, number)["ended_by"] == "api"


# ---- its two holders


def guard_folder(sandbox: SandboxHome, session: dict[str, Any]) -> Path:
    number = session["attempts"][-1]["instance_id"]
    return sandbox.home / "market" / "live" / number / "disk" / "root" / ".gs-guard"


def holders(folder: Path) -> set[str]:
    """Who last wrote down that it holds the guard."""
    return {path.read_text() for path in folder.glob("holder[12]")}


def test_the_daemon_alarms_about_a_guard_that_is_killed_repeatedly(sandbox: SandboxHome, wait_until: Wait) -> None:
    sandbox.must("provision", "--gpu", "RTX 4090", "--for", "20m", "--name", "gone", "--yes")
    assert (session_of(sandbox, "gone")["guards"], alarms(sandbox)) == ("D+I", set())
    sandbox.fault("host", "agent_kill", "--for", "10m")
    wait_until(lambda: "guard_unconfirmed" in alarms(sandbox), timeout_s=WAIT_S)
    session = session_of(sandbox, "gone")
    assert (session["guards"], session["guard_state"], session["status"]) == ("D", "unconfirmed", "running")
    sandbox.must("sandbox", "fault", "clear")
    # One probe is enough to start both again (F91).
    wait_until(lambda: session_of(sandbox, "gone")["guards"] == "D+I", timeout_s=WAIT_S)
    assert alarms(sandbox) == set()


@pytest.mark.sweep
def test_the_daemon_ends_what_its_guard_cannot(sandbox: SandboxHome, wait_until: Wait) -> None:
    session = rent(sandbox)
    sandbox.fault("host", "agent_kill", "--for", "10m")
    wait_until(lambda: "guard_unconfirmed" in alarms(sandbox), timeout_s=WAIT_S)
    number = session["attempts"][-1]["instance_id"]
    wait_until(lambda: instance_of(sandbox, number)["state"] == "gone", timeout_s=WAIT_S)
    row = instance_of(sandbox, number)
    assert row["ended_by"] == "api"
    assert -15 < at(row["ended_at"]) - at(session["deadline_at"]) <= TOLERANCE_S


@pytest.mark.sweep
def test_a_guard_that_was_killed_again_and_again_still_ends_it_alone_and_on_time(
    sandbox: SandboxHome, wait_until: Wait
) -> None:
    session = rent(sandbox)
    folder = guard_folder(sandbox, session)
    for _ in range(3):
        before = holders(folder)
        sandbox.fault("host", "agent_kill")
        wait_until(lambda: len(holders(folder) - before) == 2, timeout_s=WAIT_S)  # noqa: B023
    wait_until(lambda: session_of(sandbox, "gone")["guards"] == "D+I", timeout_s=WAIT_S)
    leave(sandbox)
    assert ends_alone(sandbox, session, wait_until) > -15, "it was still wanted"
