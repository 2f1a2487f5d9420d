"""A Hypothesis state machine over users, faults, crashes, sleep and operators (safety.md C3).

After every rule: nothing healthy and wanted was destroyed, no label was sent twice, no receipt was untrue. At the end
all faults are cleared, and the whole audit must pass.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import ShopperError
from gpushopper.sandbox.dialects import BUILT_IN
from tests.sim.fault_cases import CREATE_CASES, DESTROY_CASES, NETWORK_CASES, Case
from tests.sim.oracle import audit, audit_history
from tests.sim.soak import LIST_CASES
from tests.sim.story import Story

DURATIONS = st.sampled_from((1.0, 30.0, 300.0, 1800.0, 3 * 3600.0))
CASES = st.sampled_from(CREATE_CASES + DESTROY_CASES + NETWORK_CASES + LIST_CASES)
PICK = st.integers(0, 100)


class Operations(RuleBasedStateMachine):
    """One user, one daemon, one market."""

    clouds: tuple[str, ...] = ("vast",)
    more: ClassVar[dict[str, Any]] = {}
    """Further fields of each request to provision."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(points=True, clouds=self.clouds)
        self.requested = 0

    @initialize()
    def begin(self) -> None:
        self.story.start().ready()

    def names(self) -> list[str]:
        """Sessions that the user still expects to run."""
        for name, expected in self.story.expected.items():
            expected.gave_up |= self.story.status(name) in ("failed", "stopped", "stopping")
        return [n for n, w in self.story.expected.items() if not w.gave_up and w.ended_at is None]

    @rule(hours=st.sampled_from((0.25, 1.0, 11.0)))
    def provision(self, hours: float) -> None:
        if len(self.names()) >= 4:
            return
        self.requested += 1
        name = f"s{self.requested}"
        try:
            self.story.provision(name, hours=hours, **self.more)
        except (ShopperError, AssertionError):
            self.story.expected.pop(name, None)

    @rule(pick=PICK)
    def end(self, pick: int) -> None:
        if found := self.names():
            self.story.end(found[pick % len(found)])

    @rule(pick=PICK)
    def extend(self, pick: int) -> None:
        if found := self.names():
            expected = self.story.expected[found[pick % len(found)]]
            try:
                longer = wire.ExtendRequest(us(900))
                self.story.restart_on_crash(lambda: self.story.world.requests.extend(expected.session, longer))
                expected.duration_us += us(900)
            except ShopperError:
                return

    @rule(span=DURATIONS)
    def wait(self, span: float) -> None:
        self.story.run_for(span)

    @rule(span=DURATIONS)
    def sleep(self, span: float) -> None:
        self.story.world.sleep(span)

    @rule(jump=st.sampled_from((0, 3600, -3600, 86_400, -86_400)))
    def jump(self, jump: int) -> None:
        self.story.world.clock.skew = us(jump)
        self.story.world.engine.resume()

    @rule(span=DURATIONS)
    def kill(self, span: float) -> None:
        self.story.kill(down_s=span)

    @rule(ahead=st.integers(1, 40))
    def crash_soon(self, ahead: int) -> None:
        points = self.story.points
        points.crash_at = points.crash_at | {len(points.hits) + ahead}

    @rule(case=CASES, pick=PICK)
    def fault(self, case: Case, pick: int) -> None:
        cloud = self.clouds[pick % len(self.clouds)]
        if case.word in BUILT_IN[cloud].without:
            return
        more = {} if case.word in ("omit", "offline") else {"duration": "30m"}
        self.story.world.fault(case.call, case.word, case.arg, cloud=cloud, count=case.count, **more)

    @precondition(lambda self: self.story.world.faults.faults)
    @rule()
    def clear_faults(self) -> None:
        self.story.clear_faults()

    @rule(label=st.sampled_from(("", "gs1-", "gs2-", "someone")), pick=PICK)
    def foreign(self, label: str, pick: int) -> None:
        self.story.world.launch_foreign(label, self.clouds[pick % len(self.clouds)])

    @invariant()
    def nothing_wanted_was_destroyed(self) -> None:
        if self.story.starts:
            assert audit_history(self.story) == []

    def teardown(self) -> None:
        story = self.story
        try:
            if story.starts:
                story.clear_faults()
                story.points.is_armed = False
                story.world.clock.skew = 0
                story.world.engine.resume()
                story.run_for(1800)
                for name in self.names():
                    story.end(name)
                story.finish()
                assert audit(story) == []
        finally:
            story.__exit__()


class OperationsOfBoth(Operations):
    """Two clouds beside each other: sessions in turn, faults at either."""

    clouds = ("vast", "tensordock")


FEW = """
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.sim.test_state_machine import {name}
run_state_machine_as_test(
    {name},
    settings=settings(
        max_examples={count}, stateful_step_count=20, derandomize=True, database=None, deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    ),
)
"""


@pytest.mark.parametrize("count", [6, pytest.param(12, marks=pytest.mark.proofs)])
@pytest.mark.parametrize("machine", [Operations, OperationsOfBoth])
def test_a_few_random_stories(machine: type[Operations], count: int) -> None:
    """The same stories each time, in a process of its own: the library also draws from constants of other modules."""
    text = FEW.format(name=machine.__name__, count=count)
    done = subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, "PYTHONHASHSEED": "0"},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.sweep
@pytest.mark.parametrize("machine", [Operations, OperationsOfBoth])
def test_many_random_stories(machine: type[Operations]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=150, stateful_step_count=40))
