"""Bills are read once a day and compared with the ledger; only alarms follow from them (D11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper.core.policy import PAPER
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.money.bills import session_bills
from gpushopper.store import ledger, sessions
from tests.sim.world import World

DAY_S = 3600
"""What stands for a day here."""
QUICK = replace(PAPER, bill_check_s=DAY_S, bill_settled_s=DAY_S)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=QUICK).start().ready()
    yield made
    made.kill()


def bills_alarm(world: World) -> list[str]:
    return [alarm.text for alarm in world.requests.alarms().alarms if alarm.kind == "bill_differs"]


def lived(world: World, hours: float = 1, name: str | None = None) -> str:
    """A session that ran until its deadline."""
    session = world.provision(hours=hours, name=name)
    assert world.running(session)
    assert world.ended(session, hours * 3600 + 3600)
    return session


def test_a_right_bill_is_compared_and_raises_nothing(world: World):
    session = lived(world)
    world.run_for(DAY_S)
    (ours, *_) = [each for each in session_bills(world.engine.ctx) if each.session_id == session]
    assert abs(ours.comparison.difference) < 20_000
    assert not bills_alarm(world)


def test_a_wrong_bill_raises_an_alarm_that_names_both_amounts_and_a_right_one_clears_it(world: World):
    fault = world.fault("charges", "misbill", "x30")
    session = lived(world)
    before = ledger.totals_by_attempt(world.store)
    world.run_for(DAY_S)
    (text,) = bills_alarm(world)
    assert world.view(session).name in text and "more than the" in text and "counted here" in text
    after = ledger.totals_by_attempt(world.store)
    assert after == before, "the ledger is never changed by a bill"
    world.faults.clear(fault.id)
    world.run_for(DAY_S)
    assert not bills_alarm(world)


def test_charges_that_cannot_be_read_change_nothing_and_are_tried_again(world: World):
    world.fault("charges", "status", "500", duration="150m")
    lived(world)
    world.run_for(DAY_S)
    assert session_bills(world.engine.ctx) == [] and not bills_alarm(world)
    world.run_for(2 * DAY_S)
    assert len(session_bills(world.engine.ctx)) == 1


def test_the_look_is_taken_daily_though_the_daemon_is_restarted_more_often(world: World):
    lived(world)
    for _ in range(6):
        world.run_for(DAY_S / 4)
        world.restart().ready()
    world.run_for(60)
    assert len(session_bills(world.engine.ctx)) == 1


def test_an_open_session_is_compared_up_to_now(world: World):
    session = world.provision(hours=2)
    assert world.running(session)
    world.run_for(1.5 * 3600)
    reconciler = world.engine.reconcilers["vast"]
    reconciler.bills._next_boot = world.clock.now().boot
    world.run_for(10)
    (one,) = session_bills(world.engine.ctx)
    (attempt,) = sessions.attempts_of(world.store, session)
    assert abs(one.comparison.difference) < 20_000 and not one.comparison.is_settled
    assert one.attempts[0].read_at > attempt.prepared_at + us(3600)
