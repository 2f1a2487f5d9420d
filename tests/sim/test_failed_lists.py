"""A failed or unusable list changes nothing (acceptance 6; I11, I29, F19, F32, F44, F51, F79)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.core import alarms
from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.sandbox.faults.fault_table import Fault
from gpushopper.store.sqlite.statements import run
from tests.sim.oracle import audit
from tests.sim.story import Story
from tests.sim.world import World

UNUSABLE_ANSWERS = {
    "empty200": ("list", "empty200", None),
    "null200": ("list", "null200", None),
    "captive portal": ("any", "captive_portal", None),
    "auth404": ("list", "auth404", None),
    "410": ("list", "status", "410"),
}
COUNTERS = {"version", "last_seen_at", "absence_count", "first_absence_boot", "last_absence_boot"}
"""What a poll may change even where it proves nothing: times and counts of observations."""
LIST_ALARMS = {"degraded", "list_inconsistent", "mass_disappearance", "key_rejected"}
HALF_HOUR_S = 1800.0


def rows(story: Story) -> dict[str, list[tuple[Any, ...]]]:
    """Every byte of the session and attempt rows, but for the counters."""
    found = {}
    for table in ("sessions", "attempts"):
        names = [r[1] for r in run(story.world.store.database, f"PRAGMA table_info({table})")]
        shown = ", ".join(name for name in names if name not in COUNTERS)
        found[table] = run(story.world.store.database, f"SELECT {shown} FROM {table} ORDER BY id")
    return found


def with_running(story: Story, count: int) -> list[str]:
    """So many running sessions; the first has the nearest deadline."""
    story.start().ready()
    names = [f"s{number}" for number in range(count)]
    for name in names:
        story.provision(name, hours=1.5 if name == "s0" else 11)
        assert story.until_running(name)
    story.run_for(60)
    return names


def run_under(story: Story, fault: Fault) -> None:
    """Half an hour run_under the fault, and on until it has answered ten times."""
    story.run_for(HALF_HOUR_S)
    while fault.acted < 10:
        story.run_for(60)


@pytest.mark.parametrize("count", [1, 2, pytest.param(10, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("answer", UNUSABLE_ANSWERS)
def test_a_failed_or_unusable_list_changes_nothing(answer: str, count: int) -> None:
    with Story() as story:
        with_running(story, count)
        before = rows(story)
        call, word, arg = UNUSABLE_ANSWERS[answer]
        fault = story.world.fault(call, word, arg)
        run_under(story, fault)
        assert rows(story) == before
        during = story.world.alarms() & LIST_ALARMS
        assert during
        # A deadline does not wait for a list (I9).
        expected = story.expected["s0"]
        left_s = (expected.requested_at + expected.duration_us - story.now) / us(1)
        story.run_for(left_s + 70)
        first = min((d.at for d in story.world.market.destroys), default=None)
        assert first is not None
        late_s = (first - story.world.market.creates[0].at - expected.duration_us) / us(1)
        assert late_s <= 60
        story.clear_faults()
        story.run_for(900)
        assert not story.world.alarms() & LIST_ALARMS
        print(f"\n{answer}, {count}: {fault.acted} answers, alarms {sorted(during)}, first destroy {late_s:+.2f} s")
        story.finish()
        assert audit(story, must_run=tuple(f"s{n}" for n in range(1, count))) == []


def test_an_offline_start_closes_nothing() -> None:
    """Started without a network, with sessions in several states: nothing but the two transitions of recovery (F51)."""
    with Story() as story:
        with_running(story, 2)
        story.end("s1")
        story.run_for(1)
        before = rows(story)["sessions"]
        fault = story.world.fault("any", "offline", "2h")
        story.kill(down_s=60)
        story.run_for(HALF_HOUR_S)
        assert fault.acted >= 5
        assert rows(story)["sessions"] == before
        assert "degraded" in story.world.alarms()
        assert [i.exists for i in story.instances("s0")] == [True]
        story.finish()
        assert audit(story) == []


# ---- a list that says nothing is no sleep


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL).start().ready()
    yield made
    made.kill()


def probes_in(world: World, seconds: float) -> int:
    """How many logins are made in a time."""
    assert world.remote is not None
    before = world.remote.probes
    world.run_for(seconds)
    return world.remote.probes - before


def test_failed_lists_cause_no_extra_probes(live: World) -> None:
    """Only sleep wakes every login at once; a provider that cannot be seen is no reason (F64)."""
    assert live.running(live.provision(hours=5))
    live.run_for(60)
    usual = probes_in(live, 300)
    live.fault("list", "status", "503")
    assert probes_in(live, 300) <= usual
    assert alarms.DEGRADED in live.alarms()


def test_failed_lists_do_not_lengthen_the_wait_for_a_login(live: World) -> None:
    """An instance that never accepts a login is given up after a quarter of an hour, listed or not (F13)."""
    assert live.remote is not None
    live.remote.answer = lambda login: ProbeFailure(ProbeFailureKind.UNREACHABLE, "connection refused")
    ref = live.provision(retries=0)
    assert live.run_until(lambda: bool(live.remote and live.remote.probes), 600)
    live.fault("list", "status", "503", chance=50)
    live.run_for(REAL.boot_stall_timeout_s + 120)
    assert live.status(ref) != "provisioning"


def test_a_sleep_probes_every_instance_at_once(live: World) -> None:
    assert live.running(live.provision(hours=5))
    live.run_for(7)
    assert live.remote is not None
    before = live.remote.probes
    live.sleep(60)
    live.run_for(1)
    assert live.remote.probes == before + 1
