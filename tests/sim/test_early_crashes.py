"""kill -9 anywhere in a story of an early end: false destroys 0, leaked 0 (ends.md E5)."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from gpushopper.core.policy import REAL
from gpushopper.errors import ShopperError
from tests.sim.early_stories import (
    EARLY,
    PULLS,
    allow_run_end,
    done,
    finish_run,
    may_end,
    pull_by_hand,
    pulls_fail,
    set_pulls,
    silence,
)
from tests.sim.oracle import audit
from tests.sim.story import Story
from tests.sim.test_state_machine import PICK, Operations

SHARES = 4
FEW = [1, pytest.param(2, marks=pytest.mark.proofs)]
"""Crash points of each story: one in the quick test, two more as proofs; the sweep takes all."""


def points_of(title: str) -> int:
    with Story(points=True, policy=REAL) as story:
        EARLY[title][0](story)
        return len(story.points.hits)


def crash(title: str, number: int) -> list[str]:
    """Tell the story, dying at one point; what was wrong in the end."""
    run, kept = EARLY[title]
    with Story(crash_at=(number,), policy=REAL) as story:
        run(story)
        story.points.is_armed = False
        story.finish()
        wrong = audit(story, must_run=tuple(name for name in kept if not story.expected[name].gave_up))
        return [f"{title}, point {number} {story.points.crashed}: {said}" for said in wrong]


@pytest.mark.parametrize("few", FEW)
@pytest.mark.parametrize("title", EARLY)
def test_a_crash_at_some_points_of_an_early_end(title: str, few: int) -> None:
    count = points_of(title)
    assert count > 20
    wrong = [said for n in range(1, few + 1) for said in crash(title, count * n // (few + 1))]
    assert wrong == []


@pytest.mark.sweep
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("title", EARLY)
def test_a_crash_anywhere_in_an_early_end(title: str, share: int) -> None:
    numbers = list(range(1, points_of(title) + 1))[share::SHARES]
    assert [said for number in numbers for said in crash(title, number)] == []


class OperationsWithAgents(Operations):
    """Instances with agents and results: runs end, logins and pulls fail for a while, beside all other faults."""

    more: ClassVar[dict[str, Any]] = {"pulls": PULLS}

    def __init__(self) -> None:
        super().__init__()
        self.story.__exit__()
        self.story = Story(points=True, policy=REAL, clouds=self.clouds)

    @rule(pick=PICK)
    def run_with_an_end(self, pick: int) -> None:
        if found := self.names():
            try:
                allow_run_end(self.story, found[pick % len(found)])
            except ShopperError:
                return

    @rule(pick=PICK)
    def run_ends(self, pick: int) -> None:
        """Only one that may end its session: without a row its end is no proof, and the deadline closes it (E5)."""
        if found := [name for name in self.names() if may_end(self.story, name)]:
            finish_run(self.story, found[pick % len(found)])

    @precondition(lambda self: self.story.starts)
    @rule(is_silent=st.booleans())
    def hear_or_not(self, is_silent: bool) -> None:
        silence(self.story, is_silent=is_silent)

    @rule(pick=PICK)
    def done(self, pick: int) -> None:
        if found := self.names():
            done(self.story, found[pick % len(found)])

    @precondition(lambda self: self.story.starts)
    @rule(fail=st.booleans())
    def pulls_work_or_not(self, fail: bool) -> None:
        pulls_fail(self.story, fail=fail)

    @rule(pick=PICK, has=st.booleans())
    def change_pulls(self, pick: int, has: bool) -> None:
        if found := self.names():
            try:
                set_pulls(self.story, found[pick % len(found)], PULLS if has else [])
            except ShopperError:
                return

    @rule(pick=PICK)
    def pull_by_hand(self, pick: int) -> None:
        if found := self.names():
            pull_by_hand(self.story, found[pick % len(found)])

    def teardown(self) -> None:
        if self.story.starts:
            silence(self.story, is_silent=False)
            pulls_fail(self.story, fail=False)
        super().teardown()


def test_a_few_random_stories_with_agents() -> None:
    run_state_machine_as_test(
        OperationsWithAgents,
        settings=settings(
            max_examples=3, stateful_step_count=10, derandomize=True, database=None, deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )  # fmt: skip


@pytest.mark.sweep
def test_many_random_stories_with_agents() -> None:
    run_state_machine_as_test(OperationsWithAgents, settings=settings(max_examples=80, stateful_step_count=30))
