"""`--at-100 stop` with a real instance: warned, landed and ended before the budget is spent (ends.md E7, D11)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.ends.rented import at, receipt, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs

LASTS_S = 45
"""How long the budget lasts from when it is set; a quarter of an hour of warning takes 15 seconds here."""


def test_a_session_lands_and_ends_before_its_budget_is_spent(
    sandbox: SandboxHome, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    (one,) = rent(sandbox, wait_until, "spends", options=f"--pull out:{tmp_path}")
    number = one.number
    one.says("mkdir -p out; echo done >out/result")
    session = one.session
    limit = Decimal(session["accrued_usd"]) + Decimal(session["rate_usd"]) * LASTS_S / 3600
    said = sandbox.run("budget", "set", "lab", "--daily", f"{limit:.6f}", "--at-100", "stop", "--yes")
    assert said.returncode == 0 and "It would end 1 session at the present rates: spends at " in said.stderr, (
        said.stderr
    )

    session = one.until_proven()
    assert (session["reason"], receipt(one)["reason"]) == ("budget", "budget")
    assert [path.read_text() for path in (tmp_path / "spends-out").iterdir()] == ["done\n"]
    row = one.row(number)
    billed = Decimal(row["gpu_usd"]) + Decimal(row["storage_usd"])
    print(f"\n{billed} of {limit} billed")
    assert billed <= limit, "by the cloud's own count, too"
    events = {event["kind"]: event for event in one.events()}
    assert at(events["pulled"]["at"]) <= at(events["end_requested"]["at"]) <= at(row["ended_at"]) + 1
