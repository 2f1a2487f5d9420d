"""Unknown is not idle: why an instance is not watched is said, with an alarm where a limit depends on it (E1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core import alarms
from gpushopper.core.lifecycle.ends.idle_watch import STARTING, watch_use
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.ends.agent_report import AgentReport
from gpushopper.core.model.heartbeat import Brought, GuardStatus, Hardware, Heartbeat
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.core.samples import attempt, moment, of, session

GUARD = GuardStatus(True, "", 3600, 40_000, 1, 2, knows_ends=True, parts="77")
FRESH = AgentReport("1", age_s=5, idle_s=0)
BEAT = Heartbeat(GUARD, Hardware(), FRESH)


def watched(beat: Heartbeat, one: Attempt | None = None, after_s: float = 600, **more: Any) -> list[Action]:
    return watch_use(session(**more), one or attempt(), beat, moment(after_s), REAL)


def text(beat: Heartbeat, one: Attempt | None = None, after_s: float = 600) -> str:
    changes = of(UpdateAttempt, watched(beat, one, after_s))
    return str(changes[0].fields["idle_watch"]) if changes else ""


def test_a_fresh_sample_that_knows_everything_is_a_watch():
    assert text(BEAT) == ""
    assert text(BEAT, attempt(idle_watch="it has no python3")) == ""


@pytest.mark.parametrize(
    ("beat", "why"),
    [
        (Heartbeat(None, Hardware()), "no guard answers"),
        (Heartbeat(replace(GUARD, knows_ends=False), Hardware(), FRESH), "its guard is of an older version"),
        (replace(BEAT, agent=None), "its agent gives no fresh sample"),
        (replace(BEAT, agent=replace(FRESH, age_s=61)), "its agent gives no fresh sample"),
        (replace(BEAT, agent=None, brought=Brought(problem="its disk is full")), "its disk is full"),
        (replace(BEAT, agent=replace(FRESH, unknown=("gpu: nvidia-smi is missing",))),
         "not measured: gpu: nvidia-smi is missing"),
    ],
)  # fmt: skip
def test_otherwise_it_is_said_why_not(beat: Heartbeat, why: str):
    assert text(beat) == why


def test_an_agent_that_was_just_brought_may_take_a_moment():
    assert text(replace(BEAT, agent=None), after_s=60) == STARTING
    assert of(RaiseAlarm, watched(replace(BEAT, agent=None), after_s=60, idle_us=HOUR)) == []


def test_one_that_has_looked_once_is_starting_and_one_that_fell_silent_is_not():
    first = replace(FRESH, unknown=("time: just started",))
    assert text(replace(BEAT, agent=first), after_s=60) == STARTING
    assert text(replace(BEAT, agent=replace(FRESH, age_s=61)), after_s=60) == "its agent gives no fresh sample"
    assert text(replace(BEAT, agent=first), after_s=600) == "not measured: time: just started", "again and again"
    blind = replace(first, unknown=("time: just started", "gpu: there is no nvidia-smi"))
    assert text(replace(BEAT, agent=blind)) == "not measured: gpu: there is no nvidia-smi"
    was = attempt(idle_watch="not measured: gpu: nvidia-smi hangs")
    assert text(replace(BEAT, agent=replace(FRESH, age_s=61)), was) == "its agent gives no fresh sample"


def test_what_hindered_the_transfer_stays_the_reason():
    assert text(replace(BEAT, agent=None), attempt(idle_watch="it has no python3")) == ""
    assert of(UpdateAttempt, watched(replace(BEAT, agent=None), attempt(idle_watch="it has no python3"))) == []


@pytest.mark.parametrize("limit", ["idle_us", "contact_us"])
def test_a_limit_that_nobody_watches_is_an_alarm(limit: str):
    blind = replace(BEAT, agent=None)
    assert [a.kind for a in of(RaiseAlarm, watched(blind, **{limit: HOUR}))] == [alarms.IDLE_UNWATCHED]
    assert of(RaiseAlarm, watched(blind)) == []
    assert [a.kind for a in of(ClearAlarm, watched(BEAT, **{limit: HOUR}))] == [alarms.IDLE_UNWATCHED]


def test_half_an_hour_of_idleness_is_told_once_with_or_without_a_limit():
    idle = replace(BEAT, agent=replace(FRESH, idle_s=1800))
    (noted,) = of(UpdateAttempt, watched(idle))
    assert noted.event is not None and "nothing ends it before its deadline" in noted.event.text
    (noted,) = of(UpdateAttempt, watched(idle, idle_us=HOUR))
    assert noted.event is not None and "it is ended after 1h" in noted.event.text
    assert of(UpdateAttempt, watched(idle, attempt(is_idle_noted=True))) == []
    assert of(UpdateAttempt, watched(replace(BEAT, agent=replace(FRESH, idle_s=1799)))) == []
    (again,) = of(UpdateAttempt, watched(BEAT, attempt(is_idle_noted=True)))
    assert again.fields == {"is_idle_noted": False} and again.event is None


def test_idleness_that_is_not_wholly_measured_is_not_told():
    agent = replace(FRESH, idle_s=7200, unknown=("gpu: nvidia-smi is slow",))
    assert all(not c.fields.get("is_idle_noted") for c in of(UpdateAttempt, watched(replace(BEAT, agent=agent))))
