"""What is said of landing: before renting, under later commands, and before an end that loses results."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.cli.commands.use import run_ending
from gpushopper.cli.input.durations import Gigabytes
from gpushopper.cli.input.options import changed_landing_fields, landing_fields
from gpushopper.cli.output.alarm_reminder import ending_soon
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.errors import UsageError

NOW = 1_700_000_000_000_000
PULLS = [wire.PullView("out", "/results")]


def session(**more: Any) -> wire.SessionView:
    required = [
        f for f in dataclasses.fields(wire.SessionView) if f.default is f.default_factory is dataclasses.MISSING
    ]
    values: dict[str, Any] = {field.name: None for field in required}
    return wire.SessionView(**values | {"name": "train", "status": "running", "pulls": PULLS} | more)


def given(**more: Any) -> dict[str, Any]:
    return {"pulls": (), "pull_max": None, "before_end": None, "land_for": None} | more


def test_folders_here_become_absolute_and_a_script_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "save.sh").write_text("sync\n")
    found = landing_fields(given(pulls=("out:results", "a:b:c"), before_end="@save.sh"))
    assert found["pulls"] == [("out", str(tmp_path / "results")), ("a:b", str(tmp_path / "c"))]
    assert found["before_end"] == "sync\n" and landing_fields(given(before_end="sync"))["before_end"] == "sync"


def test_a_change_names_only_what_changes_and_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nothing = {"pulls": None, "pull_max": None, "before_end": None, "land_for_us": None}
    assert changed_landing_fields(given()) == nothing
    assert changed_landing_fields(given(pulls=("off",), before_end="off")) == nothing | {"pulls": [], "before_end": ""}
    found = changed_landing_fields(given(pulls=("out:results",), land_for=MINUTE))
    assert found == nothing | {"pulls": [("out", str(tmp_path / "results"))], "land_for_us": MINUTE}
    with pytest.raises(UsageError):
        changed_landing_fields(given(pulls=("off", "out:.")))


def test_what_is_done_before_the_end_is_said_after_a_change() -> None:
    view = session(has_hook=True, limits=wire.LimitsView(land_for_us=20 * MINUTE))
    text = "your script runs, then out -> /results is pulled, 20m before its deadline, or once its work has ended"
    assert landing_view.steps_before_end(view) == text
    assert landing_view.steps_before_end(session(pulls=[], has_hook=False)) == "nothing"


@pytest.mark.parametrize("wrong", [{"pulls": ("out",)}, {"pulls": (":here",)}, {"before_end": "@nowhere"}])
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        landing_fields(given(**wrong))


@pytest.mark.parametrize(("typed", "size"), [("50", 50 * 10**9), ("0.5GB", 500_000_000), ("2 gb", 2 * 10**9)])
def test_sizes_are_typed_in_gb(typed: str, size: int) -> None:
    assert Gigabytes().convert(typed, None, None) == size


def test_a_session_that_ends_soon_is_named_under_the_next_command() -> None:
    assert ending_soon(session(deadline_at=NOW + 16 * MINUTE), NOW) == ""
    soon = session(deadline_at=NOW + 12 * MINUTE)
    assert ending_soon(soon, NOW) == "train ends in 12 minutes; out is pulled before"
    two = dataclasses.replace(soon, pulls=[*PULLS, wire.PullView("log", "/logs")])
    assert ending_soon(two, NOW) == "train ends in 12 minutes; out, log are pulled before"
    assert ending_soon(dataclasses.replace(soon, pulls=[]), NOW) == "train ends in 12 minutes"
    assert ending_soon(session(deadline_at=NOW), NOW) == ending_soon(session(status="stopping"), NOW) == ""


def test_done_says_what_it_pulls_first_and_an_end_at_once_what_is_lost() -> None:
    assert landing_view.before_done(session()).startswith("out -> /results is pulled first (until its deadline)")
    hooked = landing_view.before_done(session(has_hook=True))
    assert hooked.startswith("your script runs and out -> /results is pulled first (")
    two = session(pulls=[*PULLS, wire.PullView("log", "/logs")])
    assert landing_view.before_done(two).startswith("out -> /results, log -> /logs are pulled first (")
    assert landing_view.lost(two).startswith("out, log are not pulled (")
    assert landing_view.lost(session()) == "out is not pulled (pull it first: gpu-shopper done train)"
    pulled = session(landing=wire.LandingView("deadline", NOW, NOW, NOW))
    assert landing_view.lost(pulled) == landing_view.before_done(session(pulls=[])) == ""


def test_get_says_how_far_a_pull_is() -> None:
    going = session(landing=wire.LandingView("idle", NOW, None, None, "", 3, 10**9, 2000, 5 * 10**9))
    assert landing_view.landing(going, NOW) == "3 of 2000 files, 1.0 of 5.0 GB pulled"
    failed = session(landing=wire.LandingView("idle", NOW, None, None, "the connection was lost"))
    assert landing_view.landing(failed, NOW) == "not pulled yet: the connection was lost; it is tried again"


def test_get_of_an_ended_session_says_whether_its_results_came_home() -> None:
    ended = session(ended_at=NOW, ready_at=1)
    assert landing_view.landing(ended, NOW) == "not pulled before it ended"
    pulled = dataclasses.replace(ended, landing=wire.LandingView("user", NOW, NOW, NOW))
    assert landing_view.landing(pulled, NOW).startswith("all was pulled at ")
    assert landing_view.landing(dataclasses.replace(ended, pulls=[]), NOW) == ""
    assert landing_view.landing(dataclasses.replace(ended, ready_at=None), NOW) == ""


@pytest.mark.parametrize(
    ("hold_us", "held"), [(None, 60 * MINUTE), (20 * MINUTE, 20 * MINUTE), (90 * MINUTE, 60 * MINUTE)]
)
def test_a_run_that_ends_its_session_waits_for_what_is_to_be_pulled(hold_us: int | None, held: int) -> None:
    limits = wire.LimitsView(hold_us=hold_us)
    view = session(deadline_at=NOW + 60 * MINUTE, limits=limits)
    assert run_ending._hold_for_pulls(view, NOW) == held
    assert run_ending._hold_for_pulls(dataclasses.replace(view, pulls=[]), NOW) == 0


def test_waiting_for_an_end_does_not_count_the_time_in_which_results_arrive() -> None:
    watch = landing_view.LandingWatch()

    def goes_on(**landing: Any) -> bool:
        return watch.goes_on([session(id="s", landing=wire.LandingView(**landing))])

    assert not goes_on(), "it does not land"
    assert goes_on(reason="user") and goes_on(reason="user"), "its hook runs, or it is listed or verified"
    assert goes_on(reason="user", total_files=2, bytes=5)
    assert not goes_on(reason="user", problem="the connection was lost")
    assert not goes_on(reason="user", problem="the connection was lost", total_files=2, bytes=5), "no more than before"
    assert goes_on(reason="user", problem="the connection was lost", total_files=2, bytes=6)
    assert not goes_on(reason="user", pulled_at=NOW)


def test_a_wait_is_over_after_its_limit_unless_something_goes_on() -> None:
    calls = iter([False, False, True])
    poll(lambda: next(calls), 0, goes_on=lambda: True)
    with pytest.raises(WaitTimeout):
        poll(lambda: False, 0)


def test_what_is_not_here_when_the_wait_is_over_is_said() -> None:
    held = wire.LandingView("user", NOW, NOW + MINUTE, None, "the connection was lost")
    text = landing_view.still_landing(session(landing=held), NOW)
    assert text.startswith("train is kept, and bills: not pulled yet: the connection was lost; it is tried again")
    assert landing_view.still_landing(session(end_stage="requested", landing=held), NOW) == ""
