"""What may still bill tonight, who ends it, and tables that never cut money."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.output.endings.tonight_view import budget_ends, print_tonight, tonight
from gpushopper.cli.output.text_format import clock_time
from gpushopper.client import JsonObject
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.cli.in_process import Stream

NOW = 1_793_400_000_000_000

LIMITS = JsonObject(idle_us=None, contact_us=None)


def session(name: str, guards: str, **more: Any) -> Any:
    fields = {
        "id": name, "name": name, "guards": guards, "accrued": 100, "max_cost": 500, "deadline_at": 9,
        "bills_on": False,
        "end_stage": "", "guard_state": "armed", "cloud": "vast", "provider": "vast", "limits": LIMITS,
    }  # fmt: skip
    return JsonObject(**fields | more)


def test_each_session_says_who_ends_it_and_the_dearest_comes_first() -> None:
    idle = JsonObject(idle_us=1_800_000_000, contact_us=None)
    found = tonight(
        [
            session("a", "D+I", limits=idle), session("b", "D", max_cost=900, bills_on=True), session("c", "D+P"),
            session("d", "D", guard_state="not_applicable"), session("e", "D+I", end_stage="requested", accrued=600),
        ],
        {"a": "budget lab 19:36", "d": "budget lab 20:00", "e": "budget lab 19:36"},
    )  # fmt: skip
    assert [(row.name, row.at_most, row.ended_by, row.sooner) for row in found] == [
        ("b", 800, "this computer alone", ""), ("a", 400, "itself, or this computer", "idle 30m, budget lab 19:36"),
        ("c", 400, "vast, or this computer", ""), ("d", 400, "this computer (simulated)", "budget lab 20:00"),
        ("e", 0, "being ended now", ""),
    ]  # fmt: skip


def test_the_first_budget_that_ends_a_session_is_named() -> None:
    def budget(name: str, at: int) -> Any:
        limit = JsonObject(ends=[JsonObject(session="s1", name="a", at=at)])
        return JsonObject(name=name, limits=[limit, JsonObject(ends=[])])

    found = budget_ends([budget("late", NOW + 2 * HOUR), budget("lab", NOW + HOUR)], NOW)
    assert found == {"s1": f"budget lab {clock_time(NOW + HOUR, NOW)}"}


def test_no_line_is_broken_in_a_word_at_forty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Stream(is_terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "40")
    print_tonight(new_app(), [session("a", "D+I", deadline_at=NOW, max_cost=1_100_000)], {}, NOW)
    assert max(map(len, out.getvalue().splitlines())) <= 40
