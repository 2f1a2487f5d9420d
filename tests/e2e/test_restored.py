"""A backup put back by its command while instances run: none is ended or lost, and all end as usual (F50, D12)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

RENT = ("provision", "--gpu", "RTX 4090", "--for", "2h", "--yes", "--name")


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    with sandbox_home(Path(tempfile.mkdtemp(prefix="gs-")) / "h", 31, "--paper") as made:
        yield made


def living(sandbox: SandboxHome) -> int:
    return sum(row["state"] == "running" for row in sandbox.ledger()["instances"])


def open_instances(sandbox: SandboxHome) -> int:
    return sum(one["status"] == "running" for one in json.loads(sandbox.must("sessions", "--json"))["sessions"])


def test_a_backup_put_back_onto_living_instances(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    sandbox.must(*RENT, "before")
    sandbox.must("backup", "make")
    sandbox.must(*RENT, "since")
    sandbox.must("extend", "before", "--for", "1h", "--yes")
    done = sandbox.must("backup", "restore", "newest", "--yes")
    assert "Restored from" in done
    wait_until(lambda: open_instances(sandbox) == 2, 120)
    assert living(sandbox) == 2 and sandbox.ledger()["destroys"] == [], "the one that the backup lacks is adopted"
    alarms = {one["kind"] for one in json.loads(sandbox.must("alarms", "--json"))["alarms"]}
    assert {"database_rebuilt", "adopted"} <= alarms
    sandbox.must("shutdown", "--all", "--yes", "--wait", "proven")
    assert living(sandbox) == 0
