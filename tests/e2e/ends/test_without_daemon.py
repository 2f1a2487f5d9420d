"""Ends while no daemon runs, and what it concludes when it is back (ends.md E3, E5)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import IDLE, alarms, at, receipt, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs


def test_it_ends_by_itself_for_good_and_what_was_not_heard_is_not_proof(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    (heard,) = rent(sandbox, wait_until, "heard", options=IDLE)
    (unheard,) = rent(sandbox, wait_until, "unheard", options="--idle 60s")
    numbers = {"heard": heard.number, "unheard": unheard.number}
    unheard.until_watched()
    heard.until(lambda: heard.session["ending_reason"] == "idle")
    ends_at = at(heard.session["ending_at"])
    wait_until(lambda: time.time() > ends_at - 3, timeout_s=60)
    assert sandbox.kill_daemon()
    for one in (heard, unheard):
        assert one.until_gone(numbers[one.name])["ended_by"] == "instance_key"

    # The daemon is back: what it had heard ends with a proof, and of the other it knows only that it is away.
    heard.until_proven()
    assert (heard.session["reason"], receipt(heard)["reason"]) == ("idle", "idle")
    unheard.until(lambda: unheard.session["self_ended_at"])
    session = unheard.session
    assert session["end_stage"] == "" and "self_ended" in alarms(sandbox), session
    assert "not confirmed" in sandbox.must("get", "unheard")
    spent = session["accrued_micros"]
    assert not [row for row in unheard.destroys(numbers["unheard"]) if row["by"] == "api"]
    sandbox.must("shutdown", "unheard", "--yes", "--wait", "proven")
    assert receipt(unheard)["kind"] and unheard.session["accrued_micros"] == spent
