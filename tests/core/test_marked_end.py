"""Where power-off saves nothing the daemon ends an instance by what its agent reports; unknown is not idle (E9, E1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.lifecycle.ends.marked_end import marked_ends
from gpushopper.core.model.ends.agent_report import AgentReport, RunSeen
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.core.model.heartbeat import GuardStatus, Hardware, Heartbeat
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from tests.core.samples import WALL, session

RUN = RunEnd("s1", "r1", RunEndMode.ALWAYS, False, WALL)
REPORT = AgentReport("1", age_s=5, idle_s=0)


def marks(*runs: RunEnd, ends: tuple[tuple[str, int], ...] = (), idle_us: int | None = None, **report: Any) -> Any:
    guard = GuardStatus(True, "", 3600, 40_000, 1, 2, ends=ends, knows_ends=True)
    beat = Heartbeat(guard, Hardware(), replace(REPORT, **report))
    return marked_ends(session(idle_us=idle_us), beat, runs, REAL)


def test_idle_is_due_after_the_whole_limit_and_a_warning():
    assert marks(idle_us=30 * MINUTE, idle_s=1799) == ()
    assert marks(idle_us=30 * MINUTE, idle_s=1800) == (("idle", 300),)
    assert marks(idle_us=30 * MINUTE, idle_s=2200) == (("idle", 0),)
    assert marks(idle_s=90_000) == ()


@pytest.mark.parametrize("report", [{"unknown": ("gpu: slow",)}, {"age_s": 61}])
def test_what_is_not_measured_or_old_is_not_idle(report: dict[str, Any]):
    assert marks(idle_us=30 * MINUTE, idle_s=9000, **report) == ()


def test_without_a_report_only_done_is_heard():
    guard = GuardStatus(True, "", 3600, 40_000, 1, 2, ends=(("done", 30), ("idle", 5)), knows_ends=True)
    beat = Heartbeat(guard, Hardware())
    assert marked_ends(session(idle_us=1), beat, (RUN,), REAL) == (("done", 30),)


def ended(state: str = "0", since_s: int = 20, run: str = "r1") -> RunSeen:
    return RunSeen(run, state, since_s)


def test_a_run_that_may_end_it_does_so_after_its_grace():
    assert marks(RUN, runs=(ended(),)) == (("run_done", 100),)
    assert marks(RUN, runs=(ended("lost", 500),)) == (("run_done", 0),)
    assert marks(runs=(ended(),)) == marks(RUN, runs=(ended(run="r2"),)) == ()


def test_it_waits_for_other_runs_that_are_going():
    assert marks(RUN, runs=(ended(), ended("running", run="r2"))) == ()
    assert marks(RUN, runs=(ended("running"),)) == marks(RUN, runs=(ended("not started"),)) == ()


def test_a_failed_run_is_kept_for_a_while_where_only_success_ends_it():
    success = replace(RUN, mode=RunEndMode.SUCCESS)
    assert marks(success, runs=(ended("1"),)) == marks(success, runs=(ended("lost"),)) == (("run_done", 1780),)
    assert marks(success, runs=(ended("0"),)) == (("run_done", 100),)


def test_results_that_are_to_be_pulled_are_waited_for_up_to_the_hold():
    assert marks(replace(RUN, with_pull=True), runs=(ended(),)) == ()
    assert marks(replace(RUN, with_pull=True, hold_us=HOUR), runs=(ended(),)) == (("run_done", 3580),)
