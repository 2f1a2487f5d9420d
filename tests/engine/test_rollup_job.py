"""The job `rollups`: full hours are entered while a session goes on, and the ledger is added up by day and month."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from gpushopper.core.spending.window import Window
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.periods import PeriodKind
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
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


def test_no_hour_is_entered_by_a_clock_that_is_wrong(world: World):
    """It would count for a day that has not come until the receipt takes it back (F62)."""
    session = world.provision(hours=5)
    assert world.running(session)
    before = booked(world)
    world.clock.skew = 24 * HOUR
    world.run_for(600)
    run_rollups(world.engine.ctx, is_clock_right=world.engine.is_clock_right())
    assert booked(world) == before
    world.clock.skew = 0
    world.run_for(3600)
    run_rollups(world.engine.ctx, is_clock_right=world.engine.is_clock_right())
    assert booked(world) > before


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


def test_an_open_session_is_open_in_a_window_of_the_past_and_forecast_from_now(world: World):
    session = world.provision(hours=3)
    assert world.running(session)
    world.run_for(3600)
    ctx, now = world.engine.ctx, world.engine.ctx.clock.now().wall
    past = costs(ctx, CostQuestion(window=Window(None, now - HOUR // 2)))
    (row,) = past.rows
    assert (row.settled, row.reserved, row.max_cost) == (False, 0, row.accrued)
    whole = costs(ctx, CostQuestion())
    assert 0 < row.accrued < whole.accrued and whole.max_cost == world.view(session).max_cost
    assert costs(ctx, CostQuestion(window=Window(now - 9 * HOUR, now - 8 * HOUR))).rows == []
    (attempt,) = sessions.load_attempts(world.store)
    (next_hour,) = costs(ctx, CostQuestion(window=Window(now, now + HOUR))).rows
    assert (next_hour.accrued, next_hour.max_cost) == (0, attempt.agreed_rate)
    found = whole.forecast
    assert found is not None and found.burn_rate == attempt.current_rate and found.month_at_pace is None
    assert found.to_come == whole.max_cost - whole.accrued == found.month_max - found.month_accrued
    assert found.month_accrued == whole.accrued
