"""`run --rm`: the row before the start, withdrawn only where nothing was started; who ends it; the verbs of `run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click
import pytest

from gpushopper.cli import new_app
from gpushopper.cli.app import App
from gpushopper.cli.commands.use import run_ending
from gpushopper.cli.commands.use.run import load_verb, run, start
from gpushopper.cli.remote import runs
from gpushopper.client import Client, JsonObject
from gpushopper.core.model.run_folder import Run
from gpushopper.errors import Refused, ShopperError
from gpushopper.kept_runs import Output, keep
from gpushopper.wire import ConnectionView, LandingView

FOUND = ConnectionView("s1", "train", "a1", "ok", is_simulated=False, user="root", host="127.0.0.1", port=22)


class Daemon:
    """Answers about one session, and notes what was asked, together with the logins of `ssh`."""

    def __init__(self, folder: Path, after_run: str, unwatched: str = "") -> None:
        self.log = folder / "log"
        self._limits = JsonObject(
            after_run=after_run, unwatched=unwatched, grace_us=120_000_000, failed_us=1_800_000_000,
            acts_itself=after_run != "daemon",
        )  # fmt: skip
        self.ended = ""

    def session(self, ref: str) -> JsonObject:
        return JsonObject(
            id=ref, name="train", limits=self._limits, rate=360_000, cloud="vast", provider="vast", deadline_at=1,
            end_stage=self.ended, accrued=0, attempts=[], status="stopping", pulls=[], landing=LandingView(),
        )  # fmt: skip

    def connection(self, ref: str) -> ConnectionView:
        return FOUND

    def done(self, ref: str, reason: str, *, lands: bool = False) -> None:
        self._note("done")
        self.ended = "off"

    def allow_run_end(self, ref: str, work: str, request: Any) -> None:
        self._note(f"allow {request.mode} {request.hold_us}")

    def withdraw_run_end(self, ref: str, work: str) -> None:
        self._note("withdraw")

    def _note(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(f"{text}\n")


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An App whose ssh ends with these statuses, one login after the other."""

    def make(after_run: str, *statuses: int, unwatched: str = "") -> tuple[App, Daemon]:
        (tmp_path / "statuses").write_text("".join(f"{status}\n" for status in statuses))
        program = tmp_path / "ssh"
        program.write_text(
            f"#!/bin/sh\ncat >{tmp_path}/script\ncd {tmp_path}\necho ssh >>log\n"
            "cat runs 2>/dev/null\nread -r s <statuses\nsed -i 1d statuses\nexit ${s:-0}\n"
        )
        program.chmod(0o700)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        app, daemon = new_app(), Daemon(tmp_path, after_run, unwatched)
        app._client = cast("Client", daemon)
        return app, daemon

    return make


def ending(app: App, mode: str = "always", hold_us: int = 0) -> run_ending.Ending:
    return run_ending.choose(app, FOUND, mode, hold_us, detach=True)


def test_the_row_is_there_before_the_run_is_started(far: Any, tmp_path: Path) -> None:
    app, daemon = far("instance")
    start(app, FOUND, "a1", "true", {}, ending(app, "success", 600_000_000), detach=True)
    assert daemon.log.read_text() == "ssh\nallow success 600000000\nssh\n"
    assert "'success 600 1 1826703395' >\"$d/ends\"" in (tmp_path / "script").read_text()


@pytest.mark.parametrize(
    ("statuses", "withdrawn"), [((0, 1), True), ((0, 255, 255, 255), False), ((0, 255, 1), False), ((0, 4), False)]
)
def test_the_row_is_withdrawn_only_where_the_run_surely_was_not_started(
    far: Any, statuses: tuple[int, ...], withdrawn: bool
) -> None:
    app, daemon = far("instance", *statuses)
    chosen = ending(app)
    with pytest.raises(ShopperError) as failure:
        start(app, FOUND, "a1", "true", {}, chosen, detach=True)
    assert ("withdraw" in daemon.log.read_text()) is withdrawn
    assert (failure.value.code == runs.NOT_STARTED) is withdrawn


def test_where_nothing_there_can_end_it_a_detached_run_is_refused_and_another_says_who_does(
    far: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    app, daemon = far("", unwatched="its guard is of an older version")
    with pytest.raises(Refused, match="cannot end itself after a run: its guard is of an older version"):
        ending(app)
    chosen = run_ending.choose(app, FOUND, "always", 0, detach=False)
    assert (chosen.by, chosen.line) == ("client", "") and not daemon.log.exists()
    assert "This command ends it, so keep it running" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("after_run", "words"),
    [
        (
            "instance",
            ["train ends itself 2m after this run, whether or not this computer is on", "What is on its disk"],
        ),
        ("daemon", ["This computer ends train 2m after this run: power-off does not end its bill", "$0.360/h"]),
    ],
)
def test_it_says_before_the_start_who_ends_it_and_what_is_lost(
    far: Any, after_run: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    app, _ = far(after_run)
    ending(app)
    told = capsys.readouterr().err
    assert all(word in told for word in words)


def test_where_this_command_ends_it_other_runs_that_are_going_are_not_cut_off(far: Any, tmp_path: Path) -> None:
    app, daemon = far("", 0, 0, 0, 255)
    chosen = run_ending.choose(app, FOUND, "always", 0, detach=False)
    (tmp_path / "runs").write_text("b2\trunning\t9\t8\t-\t0\ttrue\na1\t0\t9\t8\t9\t0\ttrue\n")
    assert run_ending._keeps(app, chosen.session, 9) == "1 other run still going: b2"
    (tmp_path / "runs").write_text("jupyter-1\trunning\t9\t8\t-\t0\tx\na1\t0\t9\t8\t9\t0\ttrue\n")
    assert run_ending._keeps(app, chosen.session, 9) == ""
    run_ending.finish(app, chosen, 0)
    assert daemon.log.read_text() == "ssh\nssh\nssh\ndone\n"
    assert "not known" in run_ending._keeps(app, chosen.session, 9)


def test_a_run_whose_instance_is_gone_has_the_status_that_was_kept(
    far: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The computer slept while the instance ended itself after the run."""
    monkeypatch.setenv("GPU_SHOPPER_HOME", str(tmp_path / "home"))
    app, _ = far("instance")
    for name, status in (("a1", "3"), ("b2", "running")):
        keep(app.home, "s1", Run(name, status, "true", 1, 2), Output(), Output(), 3)
    assert [run_ending.kept_status(app, "s1", name) for name in ("a1", "b2", "c3")] == [3, None, None]


# ---- the verbs


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["ls", "train"], "ls"), (["stop", "train", "a1"], "stop"), (["--json", "ls", "train"], "ls"),
        (["ls", "--", "ls"], "run"), (["stop", "--", "true"], "run"), (["train", "--", "stop"], "run"),
        (["--rm", "train", "--", "true"], "run"), (["--rm=success", "ls", "--", "true"], "run"),
    ],
)  # fmt: skip
def test_two_dashes_decide_whether_it_is_a_verb_or_a_session(words: list[str], command: str) -> None:
    context = run.make_context("run", words, parent=click.Context(click.Group("root"), obj=new_app()))
    assert context.command.name == command
    if command == "run":
        assert context.params["name"] in ("train", "ls", "stop")


def test_any_other_word_is_no_verb() -> None:
    assert load_verb("train") is None
