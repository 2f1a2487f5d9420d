"""What may still bill tonight, who ends it, and tables that never cut money."""

from __future__ import annotations

from typing import Any

from gpushopper.cli.output.endings.tonight_view import tonight
from gpushopper.client import JsonObject

LIMITS = JsonObject(idle_us=None, contact_us=None)


def session(name: str, guards: str, **more: Any) -> Any:
    fields = {
        "name": name, "guards": guards, "accrued": 100, "max_cost": 500, "deadline_at": 9, "bills_on": False,
        "end_stage": "", "guard_state": "armed", "cloud": "vast", "provider": "vast", "limits": LIMITS,
    }  # fmt: skip
    return JsonObject(**fields | more)


def test_each_session_says_who_ends_it_and_the_dearest_comes_first() -> None:
    idle = JsonObject(idle_us=1_800_000_000, contact_us=None)
    found = tonight(
        [
            session("a", "D+I", limits=idle), session("b", "D", max_cost=900, bills_on=True), session("c", "D+P"),
            session("d", "D", guard_state="not_applicable"), session("e", "D+I", end_stage="requested", accrued=600),
        ]
    )  # fmt: skip
    assert [(row.name, row.at_most, row.ended_by, row.sooner) for row in found] == [
        ("b", 800, "this computer alone", ""), ("a", 400, "itself, or this computer", "idle 30m"),
        ("c", 400, "vast, or this computer", ""), ("d", 400, "this computer (simulated)", ""),
        ("e", 0, "being ended now", ""),
    ]  # fmt: skip
