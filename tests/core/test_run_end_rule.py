"""Who ends an instance after a run (ends.md E6, E9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.ends.idle_watch import NO_GUARD, OLD_GUARD, STARTING
from gpushopper.core.lifecycle.ends.run_end_rule import (
    DAEMON,
    INSTANCE,
    MOST_LISTED,
    NOBODY,
    PENDING,
    never_started,
    who_ends_after_run,
)
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.ends.agent_report import AgentReport, RunSeen
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core import samples
from tests.core.samples import attempt

SELF, POWEROFF = EndingKind.SELF_DESTROY, EndingKind.POWEROFF_ONLY


@pytest.mark.parametrize(
    ("kind", "limits", "watch", "who"),
    [
        (SELF, "act=1 idle=0", "", INSTANCE),
        (SELF, "act=1 idle=0", "it has no python3", INSTANCE),
        (POWEROFF, "act=0 idle=0", "", DAEMON),
        (SELF, "", "", PENDING),
        (SELF, "", STARTING, PENDING),
        (SELF, "", OLD_GUARD, NOBODY),
        (SELF, "act=1 idle=0", NO_GUARD, NOBODY),
        (POWEROFF, "act=0 idle=0", NO_GUARD, NOBODY),
        (SELF, "", "its disk is full", NOBODY),
    ],
)
def test_it_is_who_has_what_it_takes(kind: EndingKind, limits: str, watch: str, who: str) -> None:
    one = replace(attempt(), ready_at=1, confirmed_limits=limits, idle_watch=watch, guard_state="armed")
    assert who_ends_after_run(one, kind) == who
    if who == INSTANCE:
        assert who_ends_after_run(replace(one, guard_state="not_armed"), kind) == DAEMON


def test_nobody_ends_what_is_not_there_or_not_wanted() -> None:
    ready = replace(attempt(), ready_at=1, confirmed_limits="act=1")
    assert who_ends_after_run(None, SELF) == NOBODY
    assert who_ends_after_run(replace(ready, ready_at=None), SELF) == NOBODY
    assert who_ends_after_run(replace(ready, desired_state=DesiredState.TERMINATED), SELF) == NOBODY


OLD = RunEnd("s", "r1", RunEndMode.ALWAYS, False, samples.NOW.wall - us(REAL.run_start_s))


@pytest.mark.parametrize(
    ("change", "is_gone"),
    [
        ({}, True),
        ({"runs": (RunSeen("r1", "running", 5),)}, False),
        ({"runs": (RunSeen("r1", "not started", 5),)}, True),
        ({"runs": tuple(RunSeen(f"x{n}", "0", n) for n in range(MOST_LISTED))}, False),
        ({"age_s": 61}, False),
        ({"unknown": ("output: Permission denied",)}, False),
        ({"unknown": ("gpu: there is no nvidia-smi",)}, True),
    ],
    ids=[
        "not there",
        "there",
        "there, but not started",
        "too many to list them all",
        "an old sample",
        "folders of runs that cannot be read",
        "something else that is not measured",
    ],
)
def test_a_run_that_its_instance_lacks_was_never_started(change: dict[str, Any], is_gone: bool):
    report = replace(AgentReport("1", age_s=5, idle_s=0), **change)
    found = never_started([OLD], attempt(), report, samples.NOW, REAL)
    assert found == ([OLD] if is_gone else [])


def test_what_is_not_known_withdraws_nothing():
    report = AgentReport("1", age_s=5, idle_s=0)
    late = replace(OLD, set_at=OLD.set_at + 1)
    assert never_started([late], attempt(), report, samples.NOW, REAL) == [], "it may be on its way"
    assert never_started([OLD], attempt(), None, samples.NOW, REAL) == []
    ending = replace(attempt(), ending_reason="run_done")
    assert never_started([OLD], ending, report, samples.NOW, REAL) == [], "it ends by this permission"
