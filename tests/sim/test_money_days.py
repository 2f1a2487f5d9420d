"""Over simulated days our books agree with the market's ledger, and the days add up to the whole (I14, F114, F115)."""

from __future__ import annotations

import pytest

from tests.sim.money_days import Compared, money_days


def check(found: Compared) -> None:
    print(f"\n{found.table()}")
    assert found.share <= 0.001
    assert not found.wrong
    assert found.by_day == found.by_session == sum(line.ours for line in found.lines)
    assert found.is_rebuilt_same


def test_half_a_day_of_six_sessions() -> None:
    check(money_days(1, 0.5, 6))


@pytest.mark.sweep
@pytest.mark.parametrize("seed", [1, 2])
def test_sixty_days_of_a_thousand_sessions(seed: int) -> None:
    found = money_days(seed, 60, 1000)
    check(found)
    assert found.sessions >= 850, "the market refuses some: offers are taken"
