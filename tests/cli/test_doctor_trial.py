"""`doctor --trial` ends what it has rented whatever it finds, within a budget that is gone again afterwards."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.commands.set_up.doctor_checks import Check
from gpushopper.cli.commands.set_up.trial import SHORTER_US, trial
from gpushopper.client import Client, JsonObject
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.errors import DaemonUnreachable, NoOffer, Refused, UsageError
from tests.cli.conftest import Shell
from tests.cli.open_sessions import NOW, open_session

BOOTING: dict[str, Any] = {"status": "provisioning"}
READY: dict[str, Any] = {}
MOVED: dict[str, Any] = {"deadline_at": NOW + 2 * HOUR - SHORTER_US}
OFF: dict[str, Any] = {"status": "stopping", "end_stage": "off"}
GONE: dict[str, Any] = {"status": "stopped", "end_stage": "proven", "ended_at": NOW}
FAILED: dict[str, Any] = {"status": "failed", "reason": "boot_timeout", "end_stage": "proven", "ended_at": NOW}
SIMULATED: dict[str, Any] = {"guard_state": "not_applicable", "guards": "D"}
ATTEMPT = JsonObject(
    id="a1", state="running", reason="", offer="vast:1", provider="vast", instance_id="7", gpu="H100", gpu_count=1,
    rate=1, sent_at=0, ready_at=0, deadline_at=9, provider_status="running", label="gs2-x", receipt={"kind": "proven"},
)  # fmt: skip


class Daemon:
    """One whose session is in the next of these states at each look; the last one stays. `calls`: what changes."""

    def __init__(self, *states: dict[str, Any], label: str = "gs2-x", cost: int = 1, **more: Any) -> None:
        self._states = list(states)
        self._label, self._cost, self._more = label, cost, more
        self.is_ended = False
        self.calls: list[str] = []

    def inventory(self, search: Any) -> JsonObject:
        return JsonObject(offers=[] if self._more.get("is_empty") else [JsonObject(key=f"{search.provider}:1")])

    def plan(self, request: Any) -> JsonObject:
        offer = JsonObject(gpu="RTX 3060", gpu_count=1, provider="vast")
        return JsonObject(
            offers=[offer], max_cost=self._cost, max_rate=9, disk_gb=20, named_image=None,
            refusal=self._more.get("refusal", ""), refusal_hint="", refusal_code="",
        )  # fmt: skip

    def session(self, ref: str) -> Any:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if isinstance(state, signal.Signals):
            signal.raise_signal(state)
        if isinstance(state, BaseException):
            raise state
        return open_session("trial", attempts=[ATTEMPT], **SIMULATED | {"accrued": self._cost} | state)

    def audit(self) -> JsonObject:
        row = JsonObject(instance_id="7", kind="ours", label=self._label, session="trial", status="running")
        return JsonObject(rows=[] if self.is_ended else [row])

    def provision(self, request: Any) -> JsonObject:
        self.calls.append("provision")
        return JsonObject(sessions=["trial"])

    def extend(self, ref: str, **_: Any) -> None:
        self.calls.append("extend")

    def done(self, ref: str, reason: str) -> None:
        self.calls.append("done")
        self.is_ended = True

    def set_budget(self, name: str, request: Any) -> None:
        self.calls.append(f"budget {request['session']}")

    def remove_budget(self, name: str) -> None:
        self.calls.append("no budget")


def tried(daemon: Daemon, most: int = DOLLAR, *, yes: bool = True) -> dict[str, Check]:
    app = new_app()
    app._client = cast("Client", daemon)
    return {each["name"]: each for each in trial(app, "vast", most, yes)}


def problems(found: dict[str, Check]) -> list[str]:
    return [name for name, each in found.items() if not each["ok"]]


def test_a_session_is_rented_within_its_budget_checked_and_ended(home: Path):
    daemon = Daemon(BOOTING, READY, READY, READY, READY, READY, MOVED, OFF, GONE)
    found = tried(daemon)
    assert problems(found) == []
    assert list(found) == ["ready", "label", "guard", "ssh", "deadline", "off", "proof", "nothing left", "cost"]
    assert daemon.calls == ["budget 1000000", "provision", "extend", "done", "no budget"]
    assert found["guard"]["optional"] and found["ssh"]["optional"]


def test_each_of_its_steps_is_shown_once(home: Path, capsys: pytest.CaptureFixture[str]):
    tried(Daemon(BOOTING, READY, READY, READY, READY, READY, MOVED, OFF, OFF, GONE))
    lines = capsys.readouterr().err.splitlines()
    steps = [" ".join(line.split(",")[0].split(" (")[0].split()[-3:]) for line in lines]
    assert len(steps) == len(set(steps)), lines
    assert [line for line in lines if line.startswith("ready")] == [line for line in lines if "ends" in line]


def test_what_is_not_as_it_should_be_is_said_and_it_is_ended_all_the_same(home: Path):
    daemon = Daemon(READY, READY, READY, READY, READY, READY, OFF, GONE, label="another")
    assert problems(tried(daemon)) == ["label", "deadline"]
    assert daemon.calls[-2:] == ["done", "no budget"]


def test_one_that_is_never_ready_is_ended_and_nothing_more_is_tried(home: Path):
    daemon = Daemon(BOOTING, FAILED)
    found = tried(daemon)
    assert problems(found) == ["ready"] and "boot_timeout" in found["ready"]["text"] and "ssh" not in found
    assert daemon.calls == ["budget 1000000", "provision", "done", "no budget"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_breaks_it_off_ends_it(home: Path, number: signal.Signals):
    """A signal, while the session boots."""
    before = signal.getsignal(number)
    daemon = Daemon(BOOTING, cast("Any", number), GONE)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        tried(daemon)
    assert daemon.calls == ["budget 1000000", "provision", "done", "no budget"]
    assert signal.getsignal(number) == before


def test_a_daemon_that_fails_once_breaks_off_nothing(home: Path):
    daemon = Daemon(READY, cast("Any", DaemonUnreachable("gone")), READY, READY, READY, {"deadline_at": NOW}, OFF, GONE)
    assert problems(tried(daemon))[0] == "label" and "done" in daemon.calls


@pytest.mark.parametrize(
    ("daemon", "error"),
    [
        (Daemon(READY, cost=2 * DOLLAR), Refused), (Daemon(READY, refusal="too much"), Refused),
        (Daemon(READY, is_empty=True), NoOffer),
    ],
)  # fmt: skip
def test_what_is_too_dear_or_refused_is_not_rented(home: Path, daemon: Daemon, error: type[Exception]):
    with pytest.raises(error):
        tried(daemon)
    assert daemon.calls == []


def test_without_a_terminal_it_needs_yes(home: Path):
    daemon = Daemon(READY)
    with pytest.raises(UsageError, match="--yes"):
        tried(daemon, yes=False)
    assert daemon.calls == []


@pytest.fixture(params=["paper", "live"])
def sandboxed(request: pytest.FixtureRequest, gs: Shell) -> Iterator[tuple[Shell, str]]:
    shell = Shell(gs.home, "--sandbox")
    started = gs("sandbox", "start", f"--{request.param}")
    assert started.code == 0, started
    yield shell, request.param
    gs("sandbox", "stop")


@pytest.mark.proofs
def test_on_the_sandbox_every_check_is_made_and_nothing_is_left(sandboxed: tuple[Shell, str]):
    shell, kind = sandboxed
    ran = shell("doctor", "--trial", "vast", "--max-usd", "1", "--yes", "--json")
    assert ran.code == 0, ran
    checks = {each["name"]: each for each in json.loads(ran.out)["checks"]}
    assert len(checks) == 9 and all(each["ok"] for each in checks.values())
    assert [name for name, each in checks.items() if each["optional"]] == (["guard", "ssh"] if kind == "paper" else [])
    assert json.loads(shell("budget", "--json").out)["budgets"] == []
    (row,) = shell("sandbox", "ledger").out.splitlines()[1:]
    assert " gone " in row, row
