"""Nothing delays the end beyond the planned time, and no wrong clock makes it much earlier (F89, F90, I12, C8)."""

from __future__ import annotations

import pytest

from tests.agent.conftest import LIFE, MAX_LIFE
from tests.agent.contained_instance import TRUE_START

DAY = 86_400
GRACE_S = 60
LONG, DOWN_S, TICK_S, STEP_S = 12 * 3600, 20, 15, 3


def end_of(instance, provider, wait_until, limit_s: int) -> int:
    """Let time run until the guard destroys its instance; seconds it lived."""
    for _ in range(limit_s // 300):
        instance.run_for(300)
        if provider.did("destroy"):
            break
    wait_until(lambda: provider.did("destroy"), 60)
    return provider.did("destroy")[0] - TRUE_START


@pytest.mark.parametrize("new_host_boot", [True, False], ids=["host", "container"])
def test_restarts_each_fourteen_minutes_do_not_delay_the_end(rent, provider, image, wait_until, new_host_boot):
    instance = rent(image)
    wait_until(lambda: provider.did("see"), 60)
    for _ in range(12):
        if provider.did("destroy"):
            break
        instance.run_for(14 * 60)
        if instance.is_up():
            instance.restart(down_s=20, new_host_boot=new_host_boot)
    wait_until(lambda: provider.did("destroy"), 60)
    assert LIFE - 12 * 40 <= provider.did("destroy")[0] - TRUE_START <= LIFE + GRACE_S


def live_in_turns(instance, end: int, turn_s: int, new_host_boot: bool) -> int:
    """Restart it after every turn until the last one before the end; how often that was."""
    turns = 0
    while end - instance.true_now() > turn_s + DOWN_S + 10 * TICK_S:
        instance.run_for(turn_s)
        assert instance.is_up(), "it has ended long before its time"
        instance.restart(down_s=DOWN_S, new_host_boot=new_host_boot)
        turns += 1
    return turns


@pytest.mark.sweep
@pytest.mark.parametrize("skew", [0, -DAY], ids=["right clock", "a day behind"])
@pytest.mark.parametrize(("turn_min", "new_host_boot"), [(14, False), (20, True)], ids=["container", "host"])
def test_twelve_hours_with_restarts_end_within_a_tick(rent, provider, image, wait_until, turn_min, new_host_boot, skew):
    """What was down is not lived again: the clock says so, or for a wrong one the provider (F89, I12).

    A restart may cost the tick that was not counted any more; nothing ever adds one.
    """
    end = TRUE_START + LONG
    instance = rent(image, life_s=LONG, max_life_s=LONG, skew=skew)
    wait_until(lambda: provider.did("see"), 60)
    turns = live_in_turns(instance, end, turn_min * 60, new_host_boot)
    assert turns >= LONG // (turn_min * 60 + DOWN_S) - 1
    earliest = end - turns * TICK_S
    instance.run_for(end - 2 * TICK_S - instance.true_now())
    assert earliest <= instance.true_now() + instance.status().left_s <= end + TICK_S or provider.did("destroy")
    while instance.true_now() < end + TICK_S and not provider.did("destroy"):
        instance.run_for(STEP_S)
    assert earliest <= provider.did("destroy")[0] <= end + TICK_S + STEP_S


@pytest.mark.parametrize("skew", [-DAY, DAY], ids=["a day back", "a day forward"])
def test_a_clock_that_was_always_wrong_ends_nothing_early_or_late(rent, provider, image, wait_until, skew):
    instance = rent(image, skew=skew)
    wait_until(lambda: provider.did("see"), 60)
    assert abs(end_of(instance, provider, wait_until, LIFE + 900) - LIFE) <= GRACE_S


@pytest.mark.parametrize("skew", [-DAY, DAY], ids=["a day back", "a day forward"])
def test_a_clock_that_goes_wrong_changes_nothing_while_up(rent, provider, image, wait_until, skew):
    instance = rent(image)
    wait_until(lambda: provider.did("see"), 60)
    instance.run_for(600)
    instance.set_skew(skew)
    assert abs(end_of(instance, provider, wait_until, LIFE + 900) - LIFE) <= GRACE_S


def test_a_renewal_moves_the_end_and_an_old_one_does_not(rent, provider, image, wait_until):
    instance = rent(image)
    wait_until(lambda: provider.did("see"), 60)
    longer = instance.renew(5, LIFE + 1200)
    assert longer.seq == 5 and abs(longer.left_s - (LIFE + 1200)) <= 30
    for seq in (5, 4, 0):
        again = instance.renew(seq, 60)
        assert again.seq == 5 and again.left_s > LIFE
    most = instance.renew(6, 10 * MAX_LIFE)
    assert most.left_s <= MAX_LIFE and most.left_s == most.max_left_s
    shorter = instance.renew(7, 300)
    assert shorter.left_s <= 300
    assert end_of(instance, provider, wait_until, 900) <= 300 + 2 * GRACE_S


@pytest.mark.parametrize("damage", ["rm -f $S", ": >$S", "echo rubbish >$S", "printf '%s' '1800003600 0 99999999' >$S"])
def test_a_damaged_state_never_delays_the_end(rent, provider, image, wait_until, damage):
    instance = rent(image)
    wait_until(lambda: provider.did("see"), 60)
    instance.run_for(900)
    instance.sh(f"S=$HOME/.gs-guard/state; {damage}")
    instance.run_for(60)
    instance.sh(f"S=$HOME/.gs-guard/state; {damage}")
    instance.restart(down_s=5)
    assert end_of(instance, provider, wait_until, LIFE + 900) <= LIFE + GRACE_S
