"""Run one story under one fault word and audit its end: the rows of the table that `make sweep -s` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpushopper.sandbox.faults.fault_table import Fault
from tests.sim.fault_cases import Case
from tests.sim.oracle import audit
from tests.sim.scenarios import SCENARIOS
from tests.sim.story import Story

AFTER_REQUEST = ("list", "account")
"""Calls whose faults begin after the first request: earlier they would only delay it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one story."""

    title: str
    acted: int
    creates: int
    destroys: int
    starts: int
    simulated_s: float
    points: tuple[str, ...]
    crashed: tuple[str, ...]
    wrong: tuple[str, ...]

    def row(self) -> str:
        """One line of the table."""
        result = "; ".join(self.wrong) if self.wrong else "ok"
        return f"{self.title:44} {self.acted:5} {self.creates:7} {self.destroys:8} {self.simulated_s:9.0f}  {result}"


HEADER = f"{'word':44} {'acted':>5} {'creates':>7} {'destroys':>8} {'sim s':>9}  verdict"


def run_case(
    case: Case | None,
    scenario: str = "provision, run, end",
    *,
    crash_at: tuple[int, ...] = (),
    seed: int = 1,
    must_act: bool = True,
    **world: Any,
) -> Verdict:
    """One story from the first start to quiescence."""
    chosen = SCENARIOS[scenario]
    with Story(seed=seed, crash_at=crash_at, **world) as story:
        armed: list[Fault] = []
        if case is not None:
            _arm(story, case, armed)
        chosen.run(story)
        story.points.is_armed = False
        acted = sum(fault.acted for fault in armed)
        story.finish()
        wrong = audit(story, must_run=tuple(n for n in chosen.kept if not story.expected[n].gave_up))
        if case is not None and must_act and not acted:
            wrong.append("the fault never acted")
        if len(story.points.crashed) < len(crash_at):
            wrong.append(f"of the points {crash_at} only {story.points.crashed} were reached")
        return Verdict(
            title=case.name if case is not None else scenario,
            acted=acted,
            creates=len(story.world.market.creates),
            destroys=len(story.world.market.destroys),
            starts=story.starts,
            simulated_s=story.world.clock.t / 1e6,
            points=tuple(story.points.hits),
            crashed=tuple(story.points.crashed),
            wrong=tuple(wrong),
        )


def _arm(story: Story, case: Case, armed: list[Fault]) -> None:
    def begin() -> None:
        armed.append(case.arm(story))

    match case.since or ("requested" if case.call in AFTER_REQUEST else "start"):
        case "requested":
            story.on_first_request = begin
        case "ended":
            story.on_first_end = begin
        case _:
            begin()
