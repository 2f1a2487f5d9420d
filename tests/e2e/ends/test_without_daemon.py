"""Ends while no daemon runs, and what it concludes when it is back (ends.md E3, E5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gpushopper.core.policy import DRILL_LIVE
from tests.e2e.ends.rented import IDLE, Rented, alarms, at, receipt, rent, slowly
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs


def is_heard_last(session: dict[str, Any]) -> bool:
    """Whether a heartbeat close before its end has shown it: what is heard later is known by its silence alone."""
    if session["ending_reason"] != "idle":
        return False
    return at(session["heartbeat_at"]) > at(session["ending_at"]) - DRILL_LIVE.heartbeat_timeout_s


def unheard_end(rented: Rented, number: str) -> str:
    return ",".join(path.name for path in rented.home(number).glob(".gs-guard/end-*"))


def test_it_ends_by_itself_for_good_and_what_was_not_heard_is_not_proof(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    heard, unheard = rent(sandbox, wait_until, "heard", "unheard")
    numbers = {"heard": heard.number, "unheard": unheard.number}
    # In use, until it may be idle: of one while somebody listens, of the other afterwards.
    for one in (heard, unheard):
        sandbox.must("sandbox", "revise", numbers[one.name], "gpu_load", "40")
        one.until_watched()
        sandbox.must("set", one.name, *IDLE.split())
    sandbox.must("sandbox", "revise", numbers["heard"], "gpu_load", "0")
    wait_until(slowly(lambda: is_heard_last(heard.session), 0.2), timeout_s=90)
    assert sandbox.kill_daemon() and unheard_end(unheard, numbers["unheard"]) == ""
    sandbox.must("sandbox", "revise", numbers["unheard"], "gpu_load", "0")
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
