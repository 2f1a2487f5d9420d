"""Early ends with real guards, agents and logins: idle fires, use keeps it alive, an end of an unused one is proven."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 13, "--live") as made:
        yield made


def session_of(sandbox: SandboxHome, name: str) -> dict[str, Any]:
    return dict(json.loads(sandbox.must("get", name, "--json"))["session"])


def test_an_unused_instance_ends_itself_and_one_in_use_does_not(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    for name in ("idle", "busy"):
        sandbox.must("provision", "--gpu", "RTX 4090", "--for", "20m", "--name", name, "--yes", "--idle", "40s")
    sandbox.must("run", "busy", "--detach", "--", "sh", "-c", "while :; do :; done")
    wait_until(lambda: session_of(sandbox, "idle")["limits"]["confirmed"], timeout_s=60)
    wait_until(lambda: session_of(sandbox, "idle")["limits"]["unwatched"] == "", timeout_s=60)
    assert session_of(sandbox, "idle")["limits"]["there"]["idle_seconds"] == 40
    wait_until(lambda: session_of(sandbox, "idle")["end_stage"] == "proven", timeout_s=180)
    ended = session_of(sandbox, "idle")
    assert (ended["reason"], ended["status"]) == ("idle", "stopped")
    assert "ending" in [row["kind"] for row in json.loads(sandbox.must("events", "--json"))["events"]]
    assert session_of(sandbox, "busy")["status"] == "running"


def test_a_limit_is_changed_in_place(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    sandbox.must("provision", "--gpu", "RTX 4090", "--for", "20m", "--name", "work", "--yes")
    wait_until(lambda: session_of(sandbox, "work")["limits"]["confirmed"], timeout_s=60)
    sandbox.must("set", "work", "--idle", "1h")
    assert session_of(sandbox, "work")["limits"]["there"]["idle_seconds"] == 3600
    sandbox.must("sandbox", "fault", "add", "vast", "host", "ssh_refuse")
    done = sandbox.run("set", "work", "--idle", "2h", "--timeout", "5s")
    if done.returncode != 0:  # a connection from before the fault may still be shared
        assert done.returncode == 8 and "there: idle 1h" in done.stderr
    sandbox.must("sandbox", "fault", "clear")
    wait_until(lambda: session_of(sandbox, "work")["limits"]["confirmed"], timeout_s=60)
