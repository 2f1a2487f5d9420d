"""Daemon and commands ended at any moment, by SIGKILL, SIGTERM and Ctrl-C (I19, S20, C5)."""

from __future__ import annotations

import faulthandler
import os
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.daemon_kills import AIMS, Kill, Outcome, aimed, drawn, live_all, record
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

Wait = Callable[..., None]


@pytest.fixture
def sandbox(home: Path) -> Iterator[SandboxHome]:
    with sandbox_home(home.parent, 11) as made:
        yield made


def told(outcomes: list[Outcome], heading: str) -> str:
    return "\n".join(["", heading, *(outcome.line() for outcome in outcomes)])


def test_a_killed_daemon_delays_a_session_and_harms_nothing(home: Path):
    kills = [aimed(1, 5, "sent"), aimed(2, 5, "booting"), aimed(3, 5, "destroying")]
    outcomes = live_all(home.parent, kills, at_once=3)
    report = told(outcomes, "kills:")
    print(report)
    assert [outcome.problems for outcome in outcomes] == [[], [], []], report
    for outcome in outcomes:
        # A loaded computer may be late for its moment; that the kill happened is not left to chance.
        assert "never" not in outcome.state and "none ran" not in outcome.state, report
        assert outcome.restarts >= 1, report


@pytest.mark.sweep
def test_twenty_kills_over_a_whole_life(home: Path, capsys: pytest.CaptureFixture[str]):
    faulthandler.cancel_dump_traceback_later()  # twenty lives take longer than any single test may hang
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    span_s = record(home.parent / "r", seed)
    # `prepared` may be over before the blow falls: two more aim at `sent`, where the daemon waits for its answer.
    aims = ["prepared", *[aim for aim in AIMS if aim != "prepared"] * 2]
    kills: list[Kill] = [aimed(number, seed, aim) for number, aim in enumerate(aims, start=1)]
    kills += [drawn(number, seed, span_s) for number in range(len(kills) + 1, 21)]
    outcomes = live_all(home.parent, kills, at_once=3)
    report = told(outcomes, f"20 kills, SEED={seed}, a life without one takes {span_s:.1f} s:")
    with capsys.disabled():
        print(report)
    assert [outcome for outcome in outcomes if outcome.problems] == [], report
    met = Counter(state for outcome in outcomes for state in outcome.state.split()[-1:])
    assert met["prepared"] + met["sent"] >= 2, report
    assert min(met[state] for state in ("uncertain", "booting", "destroying")) >= 2, report


def test_ctrl_c_leaves_the_command_and_says_what_continues(sandbox: SandboxHome, wait_until: Wait):
    command = sandbox.begin("provision", "--gpu", "RTX 4090", "--yes", "--name", "left")
    wait_until(lambda: [state for _, state in sandbox.attempts()] == ["booting"], timeout_s=60)
    # Once the command has told of the instance it is certainly past its own request.
    os.kill(command.pid, signal.SIGINT)
    _, said = command.communicate(timeout=60)
    assert command.returncode == 130, said
    assert "provisioning continues; end it with: gpu-shopper --sandbox shutdown left" in said
    wait_until(lambda: [row["status"] for row in sandbox.sessions()] == ["running"], timeout_s=60)
    ledger = sandbox.ledger()
    assert [row["state"] for row in ledger["instances"]] == ["running"]
    assert ledger["destroys"] == []


def test_sigterm_ends_the_daemon_and_no_session(sandbox: SandboxHome, wait_until: Wait):
    foreground = sandbox.begin("daemon", "run")
    assert foreground.stderr is not None
    assert "is watching" in foreground.stderr.readline()
    sandbox.must("provision", "--gpu", "RTX 4090", "--yes", "--name", "kept")
    foreground.send_signal(signal.SIGTERM)
    _, said = foreground.communicate(timeout=60)
    assert foreground.returncode == 0
    assert "may still bill: kept (vast RTX 4090), deadline" in said
    assert "nothing was ended" in said
    ledger = sandbox.ledger()
    assert [row["state"] for row in ledger["instances"]] == ["running"]
    assert ledger["destroys"] == []
    # The next command brings a daemon back, which still knows the session.
    assert "destroyed" in sandbox.must("shutdown", "kept", "--yes", "--wait", "proven")
    assert [row["state"] for row in sandbox.ledger()["instances"]] == ["gone"]
