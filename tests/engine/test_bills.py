"""Bills are read once a day and compared with the ledger; of what was seen nothing but alarms follows (D11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper.core.model.actions import ClearAlarm, RaiseAlarm
from gpushopper.core.policy import PAPER
from gpushopper.core.spending.bills.bill_check import Comparison, Reading
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.money.bill_alarms import record_balance
from gpushopper.engine.money.bills import compare_balances, session_bills
from gpushopper.engine.requests.queries.money.bills import verify
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


def of_time(world: World) -> dict[str, dict[str, int]]:
    """What each attempt has cost but for its traffic, which its bill tells."""
    totals = ledger.totals_by_attempt(world.store)
    return {one: {kind: micros for kind, micros in of.items() if kind != "traffic"} for one, of in totals.items()}


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
    before = of_time(world)
    world.run_for(DAY_S)
    (text,) = bills_alarm(world)
    assert world.view(session).name in text and "more than the" in text and "counted here" in text
    assert of_time(world) == before, "what was counted is never changed by a bill"
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


def test_verify_reads_the_bills_now_and_says_how_each_account_is_checked(tmp_path: Path):
    world = World(tmp_path, clouds=("vast", "tensordock"), policy=QUICK).start().ready()
    session = lived(world, name="night")
    world.fault("charges", "misbill", "x30")
    found = verify(world.engine.handle)
    (row,) = found.rows
    assert (row.session, row.name, row.is_beyond, row.is_settled) == (session, "night", True, False)
    assert row.billed_micros == row.gpu_micros + row.storage_micros + row.traffic_micros + row.other_micros
    assert (
        abs(row.ours_micros + row.traffic_micros - world.view(session).accrued) < 1_000
        and found.billed_micros == row.billed_micros
    )
    assert {one.provider: (one.source, one.problem) for one in found.accounts} == {
        "vast": ("charges", ""), "tensordock": ("nothing", ""),
    }  # fmt: skip
    assert bills_alarm(world), "what is seen now is alarmed now"
    world.fault("charges", "status", "503")
    again = verify(world.engine.handle)
    assert again.rows == found.rows and again.accounts[0].problem
    world.kill()


def test_a_session_whose_bill_has_not_come_is_named(world: World):
    world.fault("charges", "schema_change", "results")
    assert world.running(world.provision(name="open"))
    lived(world, name="ended")
    found = verify(world.engine.handle)
    assert found.unbilled == ["ended"] and found.accounts[0].problem


def test_an_account_without_charges_is_compared_by_its_balance(world: World):
    ctx, account = world.engine.ctx, "7001"
    session = lived(world, hours=2)
    (attempt,) = sessions.attempts_of(world.store, session)
    start, end, cost = attempt.prepared_at, world.clock.now().wall, world.view(session).accrued
    for reading in (Reading(start, 90_000_000), Reading(end, 90_000_000 - cost)):
        with world.store.transaction():
            (action,) = record_balance(ctx, "vast", account, reading)
            assert isinstance(action, ClearAlarm)
    assert compare_balances(ctx, "vast", account) == (
        Reading(start, 90_000_000), Reading(end, 90_000_000 - cost), Comparison(cost, cost, is_settled=False),
    )  # fmt: skip
    with world.store.transaction():
        (action,) = record_balance(ctx, "vast", account, Reading(end + 1, 90_000_000 - cost - 1_000_001))
    assert isinstance(action, RaiseAlarm) and "$1.00 more than the $0.00 counted here" in action.text
    with world.store.transaction():
        (action,) = record_balance(ctx, "vast", account, Reading(end + 2, 95_000_000))
    assert isinstance(action, ClearAlarm), "it was topped up"
