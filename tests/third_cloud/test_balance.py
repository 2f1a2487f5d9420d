"""A cloud that tells no charges is checked by its balance: read once a day, compared with what was incurred there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper import wire
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.requests.queries.money.bills import verify
from gpushopper.store import sessions
from gpushopper.store.money import bills
from tests.third_cloud.world import NimbusWorld

DAY_S = 900
"""What stands for a day here."""


def account(world: NimbusWorld) -> wire.AccountBill:
    (found,) = verify(world.engine.handle).accounts
    return found


def alarms(world: NimbusWorld) -> list[str]:
    return [alarm.text for alarm in world.requests.alarms().alarms if alarm.kind == "bill_differs"]


@pytest.mark.parametrize("world", [replace(REAL, bill_check_s=DAY_S)], indirect=True)
def test_the_balance_is_read_daily_and_a_loss_beyond_our_count_is_an_alarm_until_it_is_over(world: NimbusWorld) -> None:
    session = world.provision("H100 SXM", allow_unguarded=True)
    assert world.running(session)
    assert (account(world).source, account(world).start_at) == ("balance", None)
    (attempt,) = sessions.attempts_of(world.store, session)
    world.run_for(DAY_S)
    (first,) = bills.last_balances(world.store, "nimbus", attempt.account)
    assert first.balance == 1_000_000_000 and not alarms(world)
    world.nimbus.credit -= 20
    world.run_for(DAY_S)
    (text,) = alarms(world)
    assert text.startswith("nimbus: the account has lost $20.00 since the last look; that is $1")
    found = account(world)
    assert found.is_beyond and found.lost_micros == 20_000_000
    expected = attempt.agreed_rate * DAY_S // 3600
    assert found.ours_micros is not None and abs(found.ours_micros - expected) < expected // 20
    world.nimbus.credit += 100
    world.run_for(DAY_S)
    assert account(world).lost_micros is None and not alarms(world), "it was topped up"
    assert us(2 * DAY_S) <= (account(world).end_at or 0) - first.at
