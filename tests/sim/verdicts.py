"""Tell one story under one fault word, and judge it: the table of `make sweep -s`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpushopper.sandbox.faults.fault_table import Fault
from tests.sim.fault_cases import Case
from tests.sim.oracle import audit
from tests.sim.scenarios import SCENARIOS
from tests.sim.story import Story

LATER = ("list", "account")
"""Calls whose faults begin once something has been asked for: before, they would only delay the asking."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one story."""

    title: str
    acted: int
    creates: int
    destroys: int
    starts: int
    simulated_s: float
    points: tuple[str, ...]
    died: tuple[str, ...]
    wrong: tuple[str, ...]

    def row(self) -> str:
        """One line of the table."""
        said = "; ".join(self.wrong) if self.wrong else "ok"
        return f"{self.title:44} {self.acted:5} {self.creates:7} {self.destroys:8} {self.simulated_s:9.0f}  {said}"


HEAD = f"{'word':44} {'acted':>5} {'creates':>7} {'destroys':>8} {'sim s':>9}  verdict"


def tell(
    case: Case | None,
    scenario: str = "provision, run, end",
    *,
    dies_at: tuple[int, ...] = (),
    seed: int = 1,
    must_act: bool = True,
    **world: Any,
) -> Verdict:
    """One story from the first start to quiescence."""
    chosen = SCENARIOS[scenario]
    with Story(seed=seed, dies_at=dies_at, **world) as story:
        armed: list[Fault] = []
        if case is not None:
            _arm(story, case, armed)
        chosen.tell(story)
        story.points.is_armed = False
        acted = sum(fault.acted for fault in armed)
        story.finish()
        wrong = audit(story, must_run=tuple(n for n in chosen.kept if not story.wishes[n].gave_up))
        if case is not None and must_act and not acted:
            wrong.append("the fault never acted")
        if len(story.points.died) < len(dies_at):
            wrong.append(f"of the points {dies_at} only {story.points.died} were reached")
        return Verdict(
            title=case.name if case is not None else scenario,
            acted=acted,
            creates=len(story.world.market.creates),
            destroys=len(story.world.market.destroys),
            starts=story.starts,
            simulated_s=story.world.clock.t / 1e6,
            points=tuple(story.points.hits),
            died=tuple(story.points.died),
            wrong=tuple(wrong),
        )


def _arm(story: Story, case: Case, armed: list[Fault]) -> None:
    def begin() -> None:
        armed.append(case.arm(story))

    match case.since or ("requested" if case.call in LATER else "start"):
        case "requested":
            story.once_asked = begin
        case "ended":
            story.once_ended = begin
        case _:
            begin()
