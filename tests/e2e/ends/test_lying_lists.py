"""Lists that lack what may end early, and a computer that sleeps: nothing in use is destroyed (E5, F49, F58)."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable

import pytest

from gpushopper.core.policy import DRILL_LIVE
from tests.e2e.ends.rented import IDLE, IDLE_S, Rented, begin_run, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs

LIES_S = DRILL_LIVE.self_ended_window_s + DRILL_LIVE.uncertain_poll_s * DRILL_LIVE.self_ended_observations
"""As long as it takes to conclude that a silent instance has ended by itself."""


def wait_out(wait_until: Callable[..., None], seconds: float) -> None:
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > seconds, timeout_s=seconds + 60)


def assert_untouched(one: Rented, number: str) -> None:
    assert (one.row(number)["state"], one.destroys(number)) == ("running", [])
    session = one.session
    assert (session["status"], session["self_ended_at"]) == ("running", None), session


def test_no_list_that_lacks_it_destroys_what_may_end_early(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    idle, run = rent(sandbox, wait_until, "idle", "run")
    numbers = {one.name: one.number for one in (idle, run)}
    sandbox.must("sandbox", "revise", numbers["idle"], "gpu_load", "40")
    begin_run(run, "sleep 600", "--rm")
    idle.until_watched()
    sandbox.must("set", "idle", *IDLE.split())
    for word in ("omit", "empty200"):
        sandbox.fault("list", word)
        wait_out(wait_until, LIES_S)
        (fault,) = json.loads(sandbox.must("sandbox", "fault", "list", "--json"))["faults"]
        assert fault["acted"] > 1
        for one in (idle, run):
            assert_untouched(one, numbers[one.name])
        sandbox.must("sandbox", "fault", "clear")
    for one in (idle, run):
        one.until(lambda one=one: one.session["health"] == "ok")  # type: ignore[misc]
        assert_untouched(one, numbers[one.name])


def test_a_computer_that_slept_past_a_deadline_ends_that_and_nothing_in_use(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    """A stopped process has missed as much as one of a sleeping computer."""
    (busy,) = rent(sandbox, wait_until, "busy", options=IDLE)
    sandbox.must("sandbox", "revise", busy.number, "gpu_load", "40")
    busy.until_watched()
    (short,) = rent(sandbox, wait_until, "short", life="1m")
    numbers = {one.name: one.number for one in (busy, short)}
    daemon = sandbox.daemon_pid()
    asleep_at = time.monotonic()
    os.kill(daemon, signal.SIGSTOP)
    try:
        assert short.until_gone(numbers["short"])["ended_by"] == "instance_key"
        wait_until(lambda: time.monotonic() - asleep_at > IDLE_S, timeout_s=IDLE_S + 60)
    finally:
        os.kill(daemon, signal.SIGCONT)
    session = short.until_proven()
    assert session["reason"] == "deadline" and '"resumed"' in (sandbox.home / "daemon.log").read_text()
    busy.until(lambda: busy.session["health"] == "ok")
    wait_out(wait_until, 2 * DRILL_LIVE.heartbeat_interval_s)
    assert_untouched(busy, numbers["busy"])
