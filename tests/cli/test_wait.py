"""`wait`: what counts as there, what can no longer happen, and the status when it did not happen in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.commands.watching.wait import wait
from gpushopper.cli.error_report import report
from gpushopper.client import Client, JsonObject
from gpushopper.errors import UsageError


def session(status: str, end_stage: str = "", reason: str = "", ready_at: int | None = None) -> JsonObject:
    attempt = JsonObject(
        id="a1", state="running", reason=reason, offer="vast:1", provider="vast", instance_id="7", gpu="H100",
        gpu_count=1, rate=1, sent_at=0, ready_at=0, deadline_at=9, provider_status="running",
    )  # fmt: skip
    return JsonObject(
        name="train", id="i1", gpu="H100", gpu_count=1, provider="vast", cloud="vast", status=status, health="ok",
        waits_for_account=False, end_stage=end_stage, ended_at=None, accrued=20_000, max_cost=420_000, reason=reason,
        attempts=[attempt], landing=JsonObject(since_at=None, state=""), pulls=[], image_login="", image="ubuntu",
    )  # fmt: skip


class Changing:
    """A daemon whose session is in the next state at each look; the last one stays."""

    def __init__(self, *states: JsonObject) -> None:
        self._states = list(states)

    def session(self, ref: str) -> JsonObject:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def events(self, **_: Any) -> JsonObject:
        return JsonObject(events=[])

    def providers(self) -> JsonObject:
        refused = {"key_state": "rejected", "detail": "vast refuses the key in k.toml", "key_hint": "unset it"}
        return JsonObject(providers=[JsonObject(name="vast", **refused)])


def waited(words: str, *states: JsonObject) -> int:
    app = new_app()
    app._client = cast("Client", Changing(*states))
    try:
        wait.main(words.split(), obj=app, standalone_mode=False)
    except BaseException as error:  # noqa: BLE001 - as the command line does
        app._client = None
        return report(app, error)
    return 0


READY, BOOTING = session("running"), session("provisioning")
FORGOTTEN = session("stopped", "forgotten")
OFF, GONE = session("stopping", "off"), session("stopped", "proven")


@pytest.mark.parametrize(
    ("words", "states"),
    [
        ("train", [BOOTING, BOOTING, READY]),
        ("train --for off", [READY, session("stopping", "requested"), OFF]),
        ("train --for proven", [OFF, GONE]),
        ("train --for ended", [GONE]),
        ("train train --for off", [READY, OFF]),
    ],
)
def test_it_returns_once_the_session_is_in_that_state(
    words: str, states: list[JsonObject], home: Path, capsys: pytest.CaptureFixture[str]
):
    assert waited(words, *states) == 0
    assert capsys.readouterr().out.startswith("train  ")


def test_a_state_that_is_not_reached_in_time_is_124(home: Path, capsys: pytest.CaptureFixture[str]):
    assert waited("train --for proven --timeout 1s", OFF) == 124
    assert "error: train: not proven after 1s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        (OFF, 1, "train will not be ready: it is stopping (off)"),
        (GONE, 1, "train will not be ready: it is destroyed"),
        (session("failed", "proven", "retries_exhausted"), 7, "train did not become ready: retries exhausted"),
        (
            session("failed", "proven", "key_rejected"),
            4,
            "train did not become ready: key rejected (1 tried): vast refuses the key in k.toml\n  unset it\n",
        ),
    ],
)
def test_what_can_no_longer_happen_ends_it_at_once(
    state: JsonObject, code: int, said: str, home: Path, capsys: pytest.CaptureFixture[str]
):
    assert waited("train", BOOTING, state) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("wanted", "code"), [("ended", 0), ("proven", 1), ("off", 1)])
def test_what_was_forgotten_has_ended_and_is_never_proven(wanted: str, code: int, home: Path):
    assert waited(f"train --for {wanted}", FORGOTTEN) == code


@pytest.mark.parametrize("words", ["train --for sunday", "train --exit-status", "a b --for run:3fa9c1d2"])
def test_what_makes_no_sense_is_refused(words: str, home: Path):
    assert waited(words, READY) == UsageError.exit_code
