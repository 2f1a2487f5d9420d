"""An end that is not announced any more is forgotten, and the event says why (ends.md E1, E5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.lifecycle.ends.withdrawn_end import on_none_heard
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.ends.agent_report import AgentReport, RunSeen
from gpushopper.core.model.heartbeat import GuardStatus, Hardware, Heartbeat
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import WALL, attempt, change, moment, session

GUARD = GuardStatus(True, "", 3600, 40_000, 1, 2, knows_ends=True)
IDLE_S = 1800
QUIET = AgentReport("1", 5, IDLE_S + 60, in_use=(("gpu", IDLE_S + 60), ("cpu", None)))
ENDING = attempt(
    ending_reason="idle", ending_at=WALL + us(100), ending_heard_at=WALL, confirmed_limits=f"idle={IDLE_S} contact=0"
)


def withdrawn(
    one: Attempt = ENDING,
    agent: AgentReport | None = QUIET,
    bad: tuple[str, ...] = (),
    before: tuple[str, ...] = (),
    **of_session: Any,
) -> list[Any]:
    found = Heartbeat(replace(GUARD, bad_ends=bad), Hardware(), agent)
    return on_none_heard(session(**{"idle_us": us(IDLE_S), **of_session}), one, found, before, moment(30), REAL)


def cause(**given: Any) -> str:
    event = change(withdrawn(**given)).event
    assert event is not None and event.kind == "ending_withdrawn" and event.data["reason"] in event.text
    return str(event.data["cause"])


def test_it_is_forgotten_and_told_with_what_is_in_use():
    found = change(withdrawn(agent=replace(QUIET, idle_s=0, in_use=(("gpu", 3), ("cpu", 44), ("network", 46)))))
    assert found.fields == {"ending_reason": "", "ending_at": None, "ending_heard_at": None}
    assert found.event is not None and found.event.data["signals"] == ["gpu", "cpu"]
    assert "it is in use again (gpu, cpu)" in found.event.text and found.event.data["cause"] == "in_use"


@pytest.mark.parametrize(
    ("why", "given"),
    [
        ("in_use", {"agent": replace(QUIET, idle_s=0, in_use=(("terminal", 1),))}),
        ("counted_anew", {"agent": replace(QUIET, idle_s=20, in_use=())}),
        ("limits", {"idle_us": None}),
        ("limits", {"idle_us": us(2 * IDLE_S)}),
        ("limits", {"one": replace(ENDING, confirmed_limits="idle=0 contact=0")}),
        ("unknown", {}),
        ("unknown", {"agent": None}),
        ("unknown", {"agent": replace(QUIET, age_s=61, idle_s=0, in_use=(("gpu", 1),))}),
        ("not_obeyed", {"bad": ("idle",), "before": ("idle",)}),
        ("unknown", {"bad": ("run",), "before": ("run",)}),
        ("other_runs", {"one": replace(ENDING, ending_reason="run_done"),
                        "agent": replace(QUIET, runs=(RunSeen("a", "0", 9), RunSeen("b", "running", 5)))}),
        ("in_use", {"one": replace(ENDING, ending_reason="run_done"),
                    "agent": replace(QUIET, in_use=(("terminal", 1),), runs=(RunSeen("a", "0", 9),))}),
        ("unknown", {"one": replace(ENDING, ending_reason="done")}),
    ],
)  # fmt: skip
def test_why_it_goes_on(why: str, given: dict[str, Any]):
    assert cause(**given) == why


def test_an_end_whose_sample_is_late_for_once_stays_known():
    """A busy instance: a landing under way goes on, and the end is obeyed again with the next sample (E1)."""
    assert withdrawn(bad=("idle",)) == withdrawn(bad=("contact", "idle"), before=("contact",)) == []
    assert cause(bad=("idle",), before=("idle",)) == "not_obeyed"


@pytest.mark.parametrize(
    "one",
    [attempt(), replace(ENDING, state=State.BOOTING, ready_at=None),
     replace(ENDING, desired_state=DesiredState.TERMINATED)],
    ids=["none was heard", "not ready", "ending"],
)  # fmt: skip
def test_nothing_is_forgotten_of_what_was_not_heard_or_is_ending(one: Attempt):
    assert withdrawn(one) == []
