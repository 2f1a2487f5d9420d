"""Half a year after its end a session's details go; what may bill or is young stays, a kill loses nothing (I4, I19)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gpushopper.core.audit_chain import ACTS, check_chain, check_events, read_line
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.daemon.audit_log.writer import AuditLog, _act
from gpushopper.engine.records.compaction_job import run_compaction
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.sandbox.market.actions import revise
from gpushopper.store import events, ledger, sessions
from gpushopper.wire import EventView
from tests.sim.crash_points import Crash, CrashPoints
from tests.sim.world import World
from tests.store.samples import raw

HALF_A_YEAR = 181 * 24 * HOUR


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path).start().ready()
    yield made
    made.kill()


def ended(world: World, name: str, hours: float = 0.3) -> str:
    """A session that ran to its deadline, with its books closed."""
    ref = world.provision(hours=hours, name=name, environment={"TOKEN": f"value of {name}"})
    assert world.running(ref) and world.ended(ref)
    assert world.run_until(lambda: not sessions.load_attempts(world.store), 3600)
    return ref


def months_later(world: World) -> None:
    """Half a year in which the computer slept; the lists are read again, and everything is rolled up."""
    world.sleep(HALF_A_YEAR / us(1))
    world.run_for(30)
    run_rollups(world.engine.ctx)


def all_events(world: World) -> list[EventView]:
    return events.after(world.store, 0, 100_000)


def money(world: World) -> list[dict[str, Any]]:
    """What is shown of costs, but for the time of the question."""
    found = (costs(world.engine.ctx, CostQuestion(by=by)) for by in ("session", "consumer", "account", "day"))
    return [{**asdict(each), "now": 0} for each in found]


def test_acts_receipts_ids_and_money_are_kept_and_the_rest_goes(world: World):
    ref = ended(world, "train")
    months_later(world)
    AuditLog(world.engine.ctx).step()
    before, view, spent = all_events(world), world.view(ref), money(world)
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 1
    after = all_events(world)
    gone = {event.id for event in before} - {event.id for event in after}
    assert gone and all(event.kind not in ACTS for event in before if event.id in gone)
    assert [event for event in before if event.kind in ACTS] == [event for event in after if event.kind in ACTS]
    assert after[-1].kind == "compacted" and after[-1].id > before[-1].id, "an id is never given twice"
    (kept,) = sessions.attempts_of(world.store, ref)
    for name in ("label", "account", "instance_id", "receipt", "closed_at", "hard_max_at", "offer", "reason"):
        assert getattr(kept, name) == getattr(attempt, name), name
    session = sessions.load_session(world.store, ref)
    assert session is not None and session.environment == (("TOKEN", ""),) and session.shortlist == ()
    assert money(world) == spent
    shown = world.view(ref)
    assert (shown.status, shown.accrued, shown.end_stage) == (view.status, view.accrued, view.end_stage)
    assert shown.attempts[0].receipt == view.attempts[0].receipt


def test_the_audit_log_still_agrees_with_the_events(world: World):
    ended(world, "train")
    months_later(world)
    log = AuditLog(world.engine.ctx)
    log.step()
    run_compaction(world.engine.ctx, is_clock_proven=True)
    log.step()
    AuditLog(world.engine.ctx).step()
    texts = world.home.audit_log.read_text().splitlines()
    assert check_chain(texts).problems == ()
    logged = [line.act for text in texts if (line := read_line(text)) is not None]
    there = [_act(logged[0].database, event) for event in all_events(world) if event.kind in ACTS]
    assert check_events(logged, there, world.clock.now().wall) == [] and len(there) > 8


def test_what_is_young_or_may_bill_is_left_alone(world: World):
    old = ended(world, "old")
    world.clock.t += us(170 * 86400)
    young = ended(world, "young")
    world.clock.t += us(11 * 86400)
    running = world.provision(name="running")
    assert world.running(running)
    run_rollups(world.engine.ctx)
    before = {ref: (world.view(ref), [e for e in all_events(world) if e.session == ref]) for ref in (young, running)}
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 1
    assert {e.session for e in all_events(world) if e.kind == "compacted"} == {old}
    for ref, (view, those) in before.items():
        assert [e for e in all_events(world) if e.session == ref] == those
        assert asdict(world.view(ref)) == asdict(view)


def test_one_with_an_open_alarm_waits_for_it(world: World):
    ref = ended(world, "train")
    (attempt,) = sessions.attempts_of(world.store, ref)
    months_later(world)
    raise_it = "INSERT INTO alarms (kind, subject, text, hint, evidence, raised_at) VALUES (?, ?, 't', 'h', '{}', 1)"
    raw(world.store, raise_it, "reopened", attempt.id)
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 0
    raw(world.store, "UPDATE alarms SET acknowledged_at = 2 WHERE kind = 'reopened'")
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 1


def test_a_clock_of_which_no_cloud_has_said_anything_removes_nothing(world: World):
    """Started without a network, and a year ahead after its battery was changed: there is no way back."""
    ref = ended(world, "of-this-week")
    run_rollups(world.engine.ctx)
    world.clock.skew = us(365 * 86400)
    world.restart()
    assert world.engine.is_clock_right() and not world.engine.is_clock_proven()
    assert run_compaction(world.engine.ctx, is_clock_proven=world.engine.is_clock_proven()) == 0
    world.run_for(30)
    assert not world.engine.is_clock_proven()
    world.clock.skew = 0
    world.run_for(600)
    assert world.engine.is_clock_proven()
    assert run_compaction(world.engine.ctx, is_clock_proven=world.engine.is_clock_proven()) == 0
    assert [event for event in all_events(world) if event.session == ref and event.kind not in ACTS]


def test_the_newest_of_all_entries_may_go_and_what_waited_is_compacted_all_the_same(world: World):
    """Entries are merged under the first id of their day: then the ledger ends before the rollups' mark."""
    waits = ended(world, "waits")
    assert world.running(world.provision(hours=2.6, name="newest"))
    assert world.run_until(lambda: not sessions.load_attempts(world.store), 4 * 3600)
    months_later(world)
    (attempt,) = sessions.attempts_of(world.store, waits)
    raise_it = "INSERT INTO alarms (kind, subject, text, hint, evidence, raised_at) VALUES (?, ?, 't', 'h', '{}', 1)"
    raw(world.store, raise_it, "reopened", attempt.id)
    newest = raw(world.store, "SELECT max(id) FROM ledger")
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 1
    assert raw(world.store, "SELECT max(id) FROM ledger") < newest
    raw(world.store, "UPDATE alarms SET acknowledged_at = 2 WHERE kind = 'reopened'")
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 1


def test_an_instance_that_is_back_after_all_is_ended_and_compacted_again_later(world: World):
    ref = world.provision(name="train")
    assert world.running(ref)
    (instance,) = world.market.instances.values()
    revise(world.market, instance, "host_destroy", None)
    world.run_for(1200)
    world.requests.end([ref])
    assert world.ended(ref)
    months_later(world)
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 1
    spent = ledger.totals_by_attempt(world.store)
    world.market.tracked[instance.id] = instance
    instance.return_at, instance.contract_end = world.clock.market(), world.clock.market() + HALF_A_YEAR
    assert world.run_until(lambda: "reopened" in world.alarms(), 3600)
    assert world.run_until(lambda: not instance.exists and not sessions.load_attempts(world.store), 7200)
    assert len(sessions.load_sessions(world.store)) == 1, "no id was taken for a new one"
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 0, "its end is not old any more"
    raw(world.store, "UPDATE alarms SET acknowledged_at = 2")
    months_later(world)
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 1
    assert ledger.totals_by_attempt(world.store).keys() == spent.keys(), "and no attempt is new"


def state(world: World) -> tuple[object, ...]:
    """Everything that a compaction may change, and what it must not."""
    kept = "SELECT id, label, account, instance_id, receipt, progress FROM attempts ORDER BY id"
    return (
        [(e.kind, e.session, json.dumps(e.data)) for e in all_events(world)],
        raw(world.store, "SELECT attempt_id, kind, from_at, to_at, micros FROM ledger ORDER BY id"),
        raw(world.store, kept),
        raw(world.store, "SELECT id, environment, compacted_at IS NULL FROM sessions ORDER BY id"),
        money(world),
    )


def test_a_kill_at_any_commit_leaves_each_session_whole_or_compacted(tmp_path: Path):
    points = CrashPoints()
    points.is_armed = False
    world = World(tmp_path / "home", database_class=points.database_class())
    (tmp_path / "home").mkdir(mode=0o700)
    world.start().ready()
    for name in ("one", "two", "three"):
        ended(world, name)
    months_later(world)
    spent, database = money(world), world.store.path
    world.store.close()
    before = database.read_bytes()
    outcomes, number, done = [], 0, False
    while not done:
        number += 1
        database.write_bytes(before)
        points.hits, points.crash_at = [], frozenset()
        world.restart()
        points.crash_at, points.is_armed = frozenset({number}), True
        try:
            run_compaction(world.engine.ctx, is_clock_proven=True)
            done = True
        except Crash:
            points.is_armed = False
            world.restart()
            half = raw(world.store, "SELECT count(*) FROM sessions WHERE compacted_at IS NULL")[0][0]
            told = sum(e.kind == "compacted" for e in all_events(world))
            assert half + told == 3 and money(world) == spent, points.crashed
            assert raw(world.store, "SELECT count(*) FROM compaction") == [(0,)]
            run_compaction(world.engine.ctx, is_clock_proven=True)
        points.is_armed = False
        assert money(world) == spent
        outcomes.append(state(world))
        world.store.close()
        for left in database.parent.glob(f"{database.name}-*"):
            left.unlink()
    assert number > 9 and all(each == outcomes[-1] for each in outcomes)
