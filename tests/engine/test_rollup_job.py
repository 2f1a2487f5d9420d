"""The job `rollups`: full hours are entered while a session goes on, and the ledger is added up by day and month."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.periods import PeriodKind
from gpushopper.engine.rollup_job import rebuild, run_rollups
from gpushopper.store import ledger, sessions
from gpushopper.store.money import rollups
from tests.sim.world import World


def booked(world: World) -> int:
    return sum(sum(kinds.values()) for kinds in ledger.totals_by_attempt(world.store).values())


def test_each_full_hour_is_entered_while_the_session_goes_on(world: World):
    session = world.provision(hours=5)
    assert world.running(session)
    for _ in range(4):
        world.run_for(3600)
        run_rollups(world.engine.ctx)
    (attempt,) = sessions.load_attempts(world.store)
    entries = ledger.entries_of(world.store, attempt.id)
    assert attempt.billed_until is not None and attempt.billed_until % HOUR == 0
    assert world.clock.now().wall - attempt.billed_until < HOUR + 60_000_000
    assert all(entry.from_at // HOUR == (entry.to_at - 1) // HOUR for entry in entries)
    view = world.view(session)
    assert booked(world) < view.accrued < booked(world) + attempt.agreed_rate * 1.1


def test_entered_by_the_hour_or_at_its_end_a_session_costs_what_the_cloud_bills(world: World):
    session = world.provision(hours=4)
    assert world.running(session)
    for _ in range(5):
        world.run_for(3600)
        run_rollups(world.engine.ctx)
    assert world.ended(session)
    run_rollups(world.engine.ctx)
    (truth,) = (float(row["usd"]) for row in world.ledger()["instances"] if not row["foreign"])
    assert abs(booked(world) / 1e6 - truth) < 0.001 * truth + 0.01
    assert sum(rollups.sums_of(world.store, PeriodKind.DAY, None, None, by_time=False, by_attempt=False).values()) == (
        booked(world)
    )


def test_nothing_is_written_where_no_hour_is_full_and_no_entry_is_new(world: World):
    assert world.running(world.provision())
    run_rollups(world.engine.ctx)
    before = world.store.last_change
    run_rollups(world.engine.ctx)
    assert world.store.last_change == before


def test_a_rebuild_changes_nothing_but_what_was_wrong(world: World):
    ctx = world.engine.ctx
    assert world.running(world.provision(hours=3))
    world.run_for(2 * 3600)
    run_rollups(ctx)
    count, is_same = rebuild(ctx)
    assert count > 0 and is_same
    with world.store.transaction():
        world.store.write(rollups.RollupRow.update(micros=1))
    assert rebuild(ctx) == (count, False)
    assert rebuild(ctx) == (count, True)
    ctx.zone = ZoneInfo("Asia/Kolkata")
    run_rollups(ctx)
    assert rollups.mark_of(world.store).zone == "Asia/Kolkata"
    assert rebuild(ctx)[1]
