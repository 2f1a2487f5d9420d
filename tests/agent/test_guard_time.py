"""Nothing makes a life longer than it was planted, and no wrong clock makes it much shorter (F89, F90, I12, C8)."""

from __future__ import annotations

import pytest

from tests.agent.conftest import LIFE, MOST
from tests.agent.inside import TRUE_START

DAY = 86_400
GRACE_S = 60


def end_of(instance, provider, wait_until, limit_s: int) -> int:
    """Let time run until the guard destroys its instance; seconds it lived."""
    for _ in range(limit_s // 300):
        instance.run_for(300)
        if provider.did("destroy"):
            break
    wait_until(lambda: provider.did("destroy"), 30)
    return provider.did("destroy")[0] - TRUE_START


@pytest.mark.parametrize("new_host_boot", [True, False], ids=["host", "container"])
def test_turns_of_fourteen_minutes_make_no_life_longer(rent, provider, world, wait_until, new_host_boot):
    instance = rent(world)
    wait_until(lambda: provider.did("see"), 30)
    for _ in range(12):
        if provider.did("destroy"):
            break
        instance.run_for(14 * 60)
        if instance.is_up():
            instance.restart(down_s=20, new_host_boot=new_host_boot)
    wait_until(lambda: provider.did("destroy"), 30)
    assert LIFE - 12 * 40 <= provider.did("destroy")[0] - TRUE_START <= LIFE + GRACE_S


@pytest.mark.parametrize("skew", [-DAY, DAY], ids=["a day back", "a day forward"])
def test_a_clock_that_was_always_wrong_ends_nothing_early_or_late(rent, provider, world, wait_until, skew):
    instance = rent(world, skew=skew)
    wait_until(lambda: provider.did("see"), 30)
    assert abs(end_of(instance, provider, wait_until, LIFE + 900) - LIFE) <= GRACE_S


@pytest.mark.parametrize("skew", [-DAY, DAY], ids=["a day back", "a day forward"])
def test_a_clock_that_goes_wrong_changes_nothing_while_up(rent, provider, world, wait_until, skew):
    instance = rent(world)
    wait_until(lambda: provider.did("see"), 30)
    instance.run_for(600)
    instance.set_skew(skew)
    assert abs(end_of(instance, provider, wait_until, LIFE + 900) - LIFE) <= GRACE_S


def test_a_renewal_moves_the_end_and_an_old_one_does_not(rent, provider, world, wait_until):
    instance = rent(world)
    wait_until(lambda: provider.did("see"), 30)
    longer = instance.renew(5, LIFE + 1200)
    assert longer.seq == 5 and abs(longer.left_s - (LIFE + 1200)) <= 30
    for seq in (5, 4, 0):
        again = instance.renew(seq, 60)
        assert again.seq == 5 and again.left_s > LIFE
    most = instance.renew(6, 10 * MOST)
    assert most.left_s <= MOST and most.left_s == most.max_left_s
    shorter = instance.renew(7, 300)
    assert shorter.left_s <= 300
    assert end_of(instance, provider, wait_until, 900) <= 300 + 2 * GRACE_S


@pytest.mark.parametrize("damage", ["rm -f $S", ": >$S", "echo rubbish >$S", "printf '%s' '1800003600 0 99999999' >$S"])
def test_a_damaged_state_never_lengthens_life(rent, provider, world, wait_until, damage):
    instance = rent(world)
    wait_until(lambda: provider.did("see"), 30)
    instance.run_for(900)
    instance.sh(f"S=$HOME/.gs-guard/state; {damage}")
    instance.run_for(60)
    instance.sh(f"S=$HOME/.gs-guard/state; {damage}")
    instance.restart(down_s=5)
    assert end_of(instance, provider, wait_until, LIFE + 900) <= LIFE + GRACE_S
