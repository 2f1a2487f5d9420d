"""Time inside a contained instance does not depend on how fast this computer is."""

from __future__ import annotations

import threading

import pytest

from tests.agent.contained_instance import TRUE_START, UPTIME, Image

LIFE_S, TICK_S = 120, 15


def test_the_clock_stands_still_while_a_call_is_under_way(rent, provider):
    """The other holder sleeps meanwhile: its sleep moved the clock minutes ahead on a slow machine."""
    instance = rent(Image("dash"), life_s=LIFE_S, max_life_s=LIFE_S, started=False)
    begun, go = threading.Event(), threading.Event()

    def now() -> int:
        begun.set()
        go.wait(10)
        return instance.true_now()

    provider.now = now
    instance.start()
    assert begun.wait(60)
    with pytest.raises(AssertionError, match="at work for"):
        instance.run_for(LIFE_S, timeout_s=1)
    assert instance.uptime() == UPTIME
    go.set()
    instance.run_for(LIFE_S + TICK_S)
    assert instance.uptime() == UPTIME + LIFE_S + TICK_S
    assert TRUE_START + LIFE_S <= provider.did("destroy")[0] <= TRUE_START + LIFE_S + TICK_S
