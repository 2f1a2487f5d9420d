"""`why`, who ends it after a run, and when outputs of runs are fetched, in a simulated world (ends.md E5, E6, E8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.model.ends.agent_report import RunSeen
from gpushopper.core.model.run_folder import KeptNow
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.engine.requests.commands.withdraw_run_end import withdraw_run_end
from gpushopper.engine.requests.queries.loads import loads
from gpushopper.engine.requests.queries.why import why
from tests.sim.test_early_ends import agent, idle_session, rest
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def ends(found: wire.WhyView) -> dict[str, wire.EndView]:
    return {f"{end.name} {end.run}".strip(): end for end in found.ends}


def test_it_says_what_would_end_it_when_and_who_does_it(world: World) -> None:
    ref = idle_session(world)
    rest(world)
    world.run_for(600)
    world.requests.allow_run_end(ref, "r1", wire.RunEndRequest(mode="success"))
    found, view = why(world.requests.handle.ctx, ref), world.view(ref)
    shown = ends(found)
    assert (shown["deadline"].at, shown["deadline"].by) == (view.deadline_at, "D+I")
    assert shown["idle"].at is not None and found.sampled_at is not None and found.idle_us is not None
    assert shown["idle"].at == found.sampled_at - found.idle_us + 35 * MINUTE and shown["idle"].by == "I"
    assert (shown["run r1"].at, shown["run r1"].limit_us) == (None, 120 * SECOND) and "if it fails" in shown[
        "run r1"
    ].note
    cpu = next(signal for signal in found.signals if signal.name == "cpu")
    assert not cpu.is_used and cpu.used_at is not None and found.unwatched == "" and not found.history


def test_what_is_not_measured_is_not_known(world: World) -> None:
    ref = idle_session(world)
    agent(world).is_dead = True
    world.run_for(600)
    found = why(world.requests.handle.ctx, ref)
    assert ends(found)["idle"].at is None and "no fresh sample" in found.unwatched
    assert ends(found)["deadline"].at is not None


def test_loads_of_open_sessions_are_those_of_their_heartbeats(world: World) -> None:
    ref = idle_session(world)
    world.run_for(600)
    (found,) = loads(world.requests.handle.ctx, MINUTE, 3).loads
    (newest,) = [signal.value for signal in why(world.requests.handle.ctx, ref).signals if signal.name == "gpu"]
    assert found.session == ref and newest is not None and found.gpu == [newest] * 3
    rest(world)
    assert world.ended(ref, 2 * 3600)
    assert loads(world.requests.handle.ctx, MINUTE, 3).loads == []


def test_an_ended_session_is_replayed(world: World) -> None:
    ref = idle_session(world)
    world.run_for(600)
    rest(world)
    assert world.ended(ref, 2 * 3600)
    found = why(world.requests.handle.ctx, ref, replay=True)
    assert (found.status, found.reason, found.ends) == ("stopped", "idle", [])
    kinds = [use.kind for use in found.history]
    assert "used" in kinds and kinds[kinds.index("used") + 1] == "idle"
    assert sum(use.end_at - use.start_at for use in found.history if use.kind == "idle") > 25 * MINUTE


def test_a_withdrawn_row_allows_nothing(world: World) -> None:
    """The run was never started: an instance that says it has ended is not believed (E5)."""
    ref = world.provision(hours=1)
    assert world.running(ref)
    world.run_for(60)
    assert world.view(ref).limits.after_run == "instance"
    world.requests.allow_run_end(ref, "r1", wire.RunEndRequest())
    assert withdraw_run_end(world.requests.handle, ref, "r1").status == "running"
    withdraw_run_end(world.requests.handle, ref, "r1")
    told = [event.kind for event in world.requests.events(0).events if event.kind.startswith("run_end")]
    assert told == ["run_end_allowed", "run_end_withdrawn"]
    agent(world).finish_run(world.market.now())
    world.run_for(600)
    assert world.view(ref).status == "running" and "run r1" not in ends(why(world.requests.handle.ctx, ref))


def test_outputs_are_fetched_once_when_a_run_has_ended_and_when_an_end_is_heard(world: World) -> None:
    assert world.remote is not None
    ref = world.provision(hours=4)
    assert world.running(ref)
    world.run_for(60)
    seen: list[RunSeen] = [RunSeen("r1", "running", 5)]
    one = agent(world)
    tell = one.report
    one.report = lambda now: replace(found, runs=tuple(seen)) if (found := tell(now)) else None  # type: ignore[method-assign]
    world.run_for(300)
    assert world.remote.kept == []
    seen[:] = [RunSeen("r1", "0", 5), RunSeen("r2", "running", 5)]
    world.run_for(300)
    assert len(world.remote.kept) == 1
    world.requests.allow_run_end(ref, "r2", wire.RunEndRequest())
    one.finish_run(world.market.now())
    assert world.ended(ref, 1800) and len(world.remote.kept) == 2


def test_what_could_not_be_fetched_is_tried_again_and_delays_no_end(world: World) -> None:
    assert world.remote is not None
    ref = world.provision(hours=4)
    assert world.running(ref)
    world.run_for(60)
    one = agent(world)
    tell = one.report
    one.report = lambda now: replace(found, runs=(RunSeen("r1", "lost", 5),)) if (found := tell(now)) else None  # type: ignore[method-assign]
    world.remote.keeping = lambda login: KeptNow(problem="no answer")
    world.run_for(HOUR // SECOND // 4)
    assert len(world.remote.kept) > 2
    world.requests.end([ref])
    assert world.ended(ref, 600)


def test_an_end_file_that_the_guard_ignores_is_told_once_shown_and_an_alarm_where_an_end_is_lost(world: World) -> None:
    assert world.remote is not None
    ref = idle_session(world)
    (guard,) = world.remote.guards.values()

    def told() -> list[str]:
        return [e.text for e in world.requests.events(0).events if (e.session, e.kind) == (ref, "end_files")]

    guard.ignored = ("run",)
    world.run_for(300)
    assert len(told()) == 1 and "end-run" in told()[0] and "end_ignored" not in world.alarms()
    assert world.view(ref).ignored_ends == why(world.requests.handle.ctx, ref).ignored_ends == ["run"]
    guard.ignored = ("idle",)
    world.run_for(300)
    assert len(told()) == 2 and "end-idle" in told()[1] and "end_ignored" in world.alarms()
    world.kill()
    world.start()
    world.run_for(300)
    assert len(told()) == 2 and world.view(ref).ignored_ends == ["idle"], "a new daemon tells it no second time"
    guard.ignored = ()
    world.run_for(300)
    assert len(told()) == 3 and "end_ignored" not in world.alarms() and world.view(ref).ignored_ends == []
