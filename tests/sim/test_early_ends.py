"""Instances that end themselves early, heard or not, and lists that only seem to say so (ends.md E1-E6, E9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.lifecycle.ends.idle_watch import STARTING
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.core.model.heartbeat import Brought, ProbeFailure, ProbeFailureKind, SshTarget
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, us
from gpushopper.errors import UsageError
from gpushopper.store import sessions
from gpushopper.store.instances import heartbeats, run_ends
from tests.sim.simulated_remote import SimAgent
from tests.sim.world import World

SILENT = ProbeFailure(ProbeFailureKind.UNREACHABLE, "no answer within 15 s")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def agent(world: World) -> SimAgent:
    assert world.remote is not None
    (guard,) = world.remote.guards.values()
    assert guard.agent is not None
    return guard.agent


def idle_session(world: World, hours: float = 4, **more: Any) -> str:
    """A running session that may end when idle; it is in use until its test says otherwise."""
    ref = world.provision(hours=hours, idle_us=30 * MINUTE, **more)
    assert world.running(ref)
    world.run_for(40)
    agent(world).works_until = world.market.now() + 100 * HOUR
    return ref


def rest(world: World) -> None:
    """The work is over: from now on nothing is in use."""
    agent(world).works_until = world.market.now()


def kinds(world: World, ref: str) -> list[str]:
    return [event.kind for event in world.requests.events(0).events if event.session == ref]


def destroys(world: World, ref: str) -> int:
    return sum(kind == "destroy_sent" for kind in kinds(world, ref))


def go_silent(world: World) -> None:
    assert world.remote is not None
    world.remote.answer = lambda login: SILENT


def hear_again(world: World) -> None:
    assert world.remote is not None
    world.remote.answer = lambda login: None


def test_an_instance_that_lies_about_what_it_has_is_not_brought_it_at_each_heartbeat(world: World) -> None:
    remote = world.remote
    assert remote is not None
    ref = idle_session(world)

    def lie(login: SshTarget) -> None:
        agent(world).checksum = str(remote.probes)

    remote.answer = lie
    world.run_for(1800)
    assert 2 < len(remote.brought) < 9
    world.requests.set_limits(ref, wire.LimitsRequest(idle_us=HOUR))
    world.run_for(60)
    assert "idle=3600 " in remote.brought[-1], "others are brought at once"


def test_agent_and_limits_are_brought_once_the_session_is_ready(world: World) -> None:
    assert world.remote is not None
    ref = idle_session(world)
    world.run_for(300)
    assert len(world.remote.brought) == 1 and "idle=1800 " in world.remote.brought[0]
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert attempt.confirmed_limits == world.remote.brought[0] and attempt.idle_watch == ""


def test_what_root_there_takes_over_later_is_confirmed_soon_and_no_alarm(world: World) -> None:
    """As at a login that cannot become root (E4)."""
    remote = world.remote
    assert remote is not None
    answers = iter([Brought(problem=STARTING)])
    remote.bring = lambda guard, line: next(answers, Brought("1"))
    ref = world.provision(hours=4, idle_us=30 * MINUTE)
    assert world.running(ref)
    world.run_for(100)
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert len(remote.brought) == 2 and attempt.confirmed_limits == remote.brought[0]
    assert (attempt.idle_watch, "idle_unwatched" in world.alarms()) == ("", False)


def test_an_idle_end_that_was_heard_is_recorded_with_its_reason_and_proven(world: World) -> None:
    ref = idle_session(world)
    rest(world)
    assert world.ended(ref, 3600)
    view = world.view(ref)
    assert (view.reason, view.status) == ("idle", "stopped")
    assert [a.receipt is not None and a.receipt["kind"] for a in view.attempts] == ["proven"]
    found = kinds(world, ref)
    assert found.index("ending") < found.index("end_requested") < found.index("closed")


def test_use_during_the_warning_withdraws_the_end(world: World) -> None:
    ref = idle_session(world)
    rest(world)
    assert world.run_until(lambda: "ending" in kinds(world, ref), 2400)
    agent(world).works_until = world.market.now() + 10 * HOUR
    world.run_for(3600)
    assert world.status(ref) == "running" and "ending_withdrawn" in kinds(world, ref)
    assert destroys(world, ref) == 0


def test_a_run_end_that_was_heard_ends_the_session(world: World) -> None:
    ref = world.provision(hours=4)
    assert world.running(ref)
    world.run_for(40)
    with world.store.transaction():
        run_ends.allow_run_end(world.store, RunEnd(ref, "r1", RunEndMode.ALWAYS, False, world.clock.now().wall))
    agent(world).finish_run(world.market.now())
    assert world.ended(ref, 1800) and world.view(ref).reason == "run_done"


def test_where_power_off_ends_no_bill_the_daemon_destroys_by_the_mark(tmp_path: Path) -> None:
    """Its guard shows the end and does not power off: the daemon's own destroy ends the bill (E9)."""
    world = World(tmp_path, clouds=("tensordock",), policy=REAL, boot_seconds=30.0).start().ready()
    assert world.remote is not None
    ref = idle_session(world, allow_unguarded=True)
    assert not world.view(ref).limits.acts_itself
    rest(world)
    assert world.ended(ref, 2 * 3600) and world.view(ref).reason == "idle"
    assert [row["state"] for row in world.ledger()["instances"]] == ["gone"] and destroys(world, ref) > 0
    world.kill()


def test_an_announced_end_without_a_row_is_only_shown(world: World) -> None:
    """Whoever is root there can end this instance; nothing here believes it (E4, E5)."""
    ref = world.provision(hours=1)
    assert world.running(ref)
    world.run_for(40)
    agent(world).finish_run(world.market.now())
    world.run_for(20 * 60)
    view = world.view(ref)
    assert "ending" in kinds(world, ref) and (view.status, view.health) == ("running", "missing")
    assert destroys(world, ref) == 0


def test_an_end_that_nobody_heard_stops_the_books_and_sends_no_destroy(world: World) -> None:
    ref = idle_session(world)
    rest(world)
    world.run_for(15 * 60)
    go_silent(world)
    assert world.run_until(lambda: world.view(ref).health == "self_ended", 2 * 3600)
    (row,) = world.ledger()["instances"]
    assert row["state"] == "gone" and destroys(world, ref) == 0
    accrued = world.view(ref).accrued
    world.run_for(3600)
    assert world.view(ref).accrued == accrued and "self_ended" in world.alarms()
    assert world.status(ref) == "running" and destroys(world, ref) == 0
    assert world.ended(ref, 4 * 3600)
    receipt = world.view(ref).attempts[0].receipt
    assert receipt is not None and receipt["reason"] == "self_ended" and receipt["total"] == accrued


def test_a_night_in_which_all_of_several_ended_themselves_is_concluded_for_each(world: World) -> None:
    """The breaker does not take it for a list that is wrong: their silence agrees, and rows allow their ends."""
    refs = [world.provision(hours=8, idle_us=30 * MINUTE) for _ in range(3)]
    assert world.run_until(lambda: all(world.status(ref) == "running" for ref in refs), 1800)
    world.run_for(15 * 60)
    go_silent(world)
    assert world.run_until(lambda: all(world.view(ref).health == "self_ended" for ref in refs), 2 * 3600)
    assert "mass_disappearance" not in world.alarms()
    assert sum(destroys(world, ref) for ref in refs) == 0


def test_one_login_that_failed_excuses_no_list_that_lacks_many(world: World) -> None:
    """The breaker holds such a list back, until the instances have been silent for more than a login (I29)."""
    refs = [world.provision(hours=8, idle_us=30 * MINUTE) for _ in range(4)]
    assert world.run_until(lambda: all(world.status(ref) == "running" for ref in refs), 1800)
    world.run_for(120)
    kept = next(iter(world.our_instances()))["id"]
    for instance in world.our_instances():
        if instance["id"] != kept:
            world.fault("list", "omit", "2m", instance=str(instance["id"]))
    go_silent(world)
    world.run_for(32)
    world.engine.wake()
    world.run_for(5)
    assert "mass_disappearance" in world.alarms()
    assert all(world.view(ref).health != "self_ended" for ref in refs)


def test_a_sleep_is_no_time_in_which_an_instance_was_silent(world: World) -> None:
    """Absent and silent a minute before the laptop slept, and again when it woke: that shows two moments (F65)."""
    ref, other = idle_session(world), world.provision(hours=8)  # a list without any instance is held back
    assert world.running(other) and world.remote is not None
    first, *_ = world.remote.guards.values()
    assert first.agent is not None
    first.agent.works_until = world.market.now()
    world.run_for(15 * 60)
    go_silent(world)
    assert world.run_until(lambda: world.view(ref).health == "missing", 2 * 3600)
    world.run_for(90)
    world.sleep(2 * 3600)
    world.run_for(300)
    assert world.view(ref).health == "missing" and "self_ended" not in world.alarms()
    world.run_for(600)
    assert world.view(ref).health == "self_ended"


def test_such_a_session_can_be_closed_at_once(world: World) -> None:
    ref = idle_session(world)
    rest(world)
    world.run_for(15 * 60)
    go_silent(world)
    assert world.run_until(lambda: world.view(ref).health == "self_ended", 2 * 3600)
    world.requests.end([ref])
    assert world.ended(ref, 900) and world.view(ref).reason == "user"


@pytest.mark.parametrize("fault", ["omit", pytest.param("empty200", marks=pytest.mark.proofs)])
def test_a_list_that_lacks_it_never_destroys_a_session_that_may_end_early(world: World, fault: str) -> None:
    """It answers over ssh all the time: nothing is concluded (F49)."""
    ref = idle_session(world)
    with world.store.transaction():
        run_ends.allow_run_end(world.store, RunEnd(ref, "r1", RunEndMode.ALWAYS, False, world.clock.now().wall))
    world.fault("list", fault)
    world.run_for(2 * 3600)
    view = world.view(ref)
    assert (view.status, len(world.our_instances()), destroys(world, ref)) == ("running", 1, 0)
    assert view.health != "self_ended"


@pytest.mark.parametrize("fault", [pytest.param("omit", marks=pytest.mark.proofs), "empty200"])
def test_even_silent_and_off_the_list_it_is_not_destroyed_and_comes_back(world: World, fault: str) -> None:
    ref = idle_session(world)
    go_silent(world)
    world.fault("list", fault)
    world.fault("get", "404")
    world.run_for(3600)
    assert (len(world.our_instances()), destroys(world, ref)) == (1, 0)
    world.faults.clear()
    hear_again(world)
    assert world.run_until(lambda: world.view(ref).health == "ok", 900)
    world.run_for(60)
    (row,) = world.ledger()["instances"]
    true_cost = 1_000_000 * float(row["gpu_usd"])
    assert world.view(ref).accrued > 0.95 * true_cost, "the gap is billed too"


def test_no_python_there_is_said_with_an_alarm_and_the_session_is_handed_over(world: World) -> None:
    assert world.remote is not None
    world.remote.bring = lambda guard, line: Brought("1", "it has no python3")
    world.remote.on_guard_start = lambda guard: setattr(guard, "agent", SimAgent(0, is_dead=True))
    ref = world.provision(hours=2, idle_us=30 * MINUTE)
    assert world.running(ref)
    world.run_for(1200)
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert attempt.idle_watch == "it has no python3" and "idle_unwatched" in world.alarms()
    assert world.status(ref) == "running"


def test_a_guard_of_before_is_not_watched_and_gets_nothing(world: World) -> None:
    assert world.remote is not None
    world.remote.on_guard_start = lambda guard: setattr(guard, "knows_ends", False)
    ref = world.provision(hours=1)
    assert world.running(ref)
    world.run_for(600)
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert (attempt.idle_watch, world.remote.brought) == ("its guard is of an older version", [])
    assert world.view(ref).guard_state == "armed"


def test_a_limit_changed_while_it_is_unreachable_is_confirmed_later_by_itself(world: World) -> None:
    ref = idle_session(world)
    go_silent(world)
    view = world.requests.set_limits(ref, wire.LimitsRequest(idle_us=HOUR))
    world.run_for(120)
    view = world.view(ref)
    assert (view.limits.idle_us, view.limits.confirmed) == (HOUR, False)
    assert view.limits.there["idle_us"] == 30 * MINUTE
    hear_again(world)
    world.run_for(70)
    assert world.view(ref).limits.confirmed and world.view(ref).limits.there["idle_us"] == HOUR


def test_switching_a_limit_off_still_allows_the_end_that_the_instance_may_carry_out(world: World) -> None:
    ref = idle_session(world)
    go_silent(world)
    world.requests.set_limits(ref, wire.LimitsRequest(idle_us=0))
    rest(world)
    assert world.run_until(lambda: world.view(ref).health == "self_ended", 2 * 3600)


def test_a_run_may_end_its_session_only_once_that_is_recorded(world: World) -> None:
    ref = world.provision(hours=4)
    assert world.running(ref)
    world.run_for(40)
    world.requests.allow_run_end(ref, "r-1", wire.RunEndRequest(mode="success", with_pull=True, hold_us=HOUR))
    (end,) = run_ends.run_ends_of(world.store, ref)
    assert (end.run_id, end.mode, end.with_pull, end.hold_us) == ("r-1", "success", True, HOUR)
    for run, mode in (("../x", "always"), ("r-2", "never")):
        with pytest.raises(UsageError):
            world.requests.allow_run_end(ref, run, wire.RunEndRequest(mode=mode))


def test_a_session_longer_than_twelve_hours_has_a_contact_limit_unless_it_is_refused(world: World) -> None:
    long = {"hours": 20, "max_duration_us": 24 * HOUR, "max_duration_reason": "a long run"}
    assert world.view(world.provision(name="a", **long)).limits.contact_us == 2 * HOUR
    assert world.view(world.provision(name="b", contact_us=0, **long)).limits.contact_us is None
    assert world.view(world.provision(name="c", hours=2)).limits.contact_us is None


def test_what_an_extension_would_cost_is_shown_and_nothing_is_written(world: World) -> None:
    ref = world.provision(hours=1)
    assert world.running(ref)
    before = world.view(ref)
    shown = world.requests.extend(ref, wire.ExtendRequest(add_us=HOUR, dry_run=True))
    assert shown.deadline_at == (before.deadline_at or 0) + HOUR
    assert shown.max_cost == pytest.approx(2 * before.max_cost, rel=0.01)
    assert world.view(ref).deadline_at == before.deadline_at
    done = world.requests.extend(ref, wire.ExtendRequest(add_us=HOUR))
    assert (done.deadline_at, done.max_cost) == (shown.deadline_at, shown.max_cost)


def test_this_computer_offline_is_one_alarm_and_none_about_instances(world: World) -> None:
    ref = world.provision(hours=4)
    assert world.running(ref)
    world.run_for(60)
    go_silent(world)
    world.fault("any", "reset")
    world.run_for(40 * 60)
    assert "offline" in world.alarms() and not {"ssh_unreachable", "self_ended"} & world.alarms()
    hear_again(world)
    world.faults.clear()
    world.run_for(400)
    assert "offline" not in world.alarms() and world.view(ref).health == "ok"


def test_a_laptop_that_sleeps_for_eight_hours_kills_nothing_in_use(world: World) -> None:
    """Deadlines first, then what the gap has brought; its events tell of it."""
    busy = world.provision(hours=11, name="busy")
    short = world.provision(hours=2, name="short")
    assert world.running(busy) and world.running(short)
    world.run_for(120)
    world.sleep(8 * 3600)
    world.run_for(900)
    assert world.status(busy) == "running" and world.view(busy).health == "ok"
    assert world.view(short).reason == "deadline" and world.ended(short)


def test_heartbeats_are_kept_as_history_and_those_of_one_second_are_one_commit(world: World) -> None:
    refs = [world.provision(hours=2, name=f"s{number}") for number in range(3)]
    assert all(world.running(ref) for ref in refs)
    world.run_for(120)
    assert world.remote is not None
    (probes, before), world.executor.on_submit = (world.remote.probes, world.store.last_change), lambda key: None
    world.engine.reconcilers["vast"].heartbeats.wake()
    world.run_for(300)
    probed, commits = world.remote.probes - probes, world.store.last_change - before
    assert probed >= 27 and commits <= probed // 3 + 6, "one commit for the three of each second, and a few polls"
    (attempt,) = sessions.attempts_of(world.store, refs[0])
    lines = heartbeats.history(world.store, attempt.id, 0)
    assert len(lines) >= 13 and all(line.answered for line in lines)
    assert lines[-1].idle_s is not None and us(1) < lines[-1].at - lines[-2].at <= us(40)


def test_a_start_that_never_arrived_leaves_no_permission(world: World) -> None:
    """Whether the run was started was not known: once its instance shows that it was not, it may end nothing (E6)."""
    ref = world.provision(hours=4)
    assert world.running(ref)
    world.run_for(40)
    for run in ("r1", "lost-on-the-way"):
        world.requests.allow_run_end(ref, run, wire.RunEndRequest())
    world.run_for(500)
    assert len(run_ends.run_ends_of(world.store, ref)) == 2, "it may be on its way still"
    world.run_for(300)
    assert [run.run_id for run in run_ends.run_ends_of(world.store, ref)] == ["r1"]
    (event,) = [event for event in world.requests.events(0, 500).events if event.kind == "run_end_withdrawn"]
    assert event.data == {"run": "lost-on-the-way"} and "was not started" in event.text
