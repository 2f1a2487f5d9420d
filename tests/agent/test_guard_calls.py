"""The guard's HTTPS clients, its report when it cannot call, and the restart of dead holders (F85, F91-F93, C8)."""

from __future__ import annotations

import pytest

from tests.agent.contained_instance import Image

SHORT = 900
"""Seconds of a life whose length does not matter."""
RETEST_S = 3660
"""The self-test is repeated each hour, as a tick comes."""


@pytest.mark.parametrize("client", ["curl", "wget", "python3"])
def test_one_client_is_enough_and_the_key_is_in_no_command_line(rent, provider, wait_until, client):
    instance = rent(Image("dash", (client,)), life_s=SHORT)
    instance.wait_until_armed()
    instance.run_for(SHORT + 60)
    wait_until(lambda: provider.did("destroy"), 60)
    assert provider.leaks == []


def test_without_an_https_client_the_guard_reports_why(rent, image, wait_until):
    instance = rent(Image(image.shell, ()))
    wait_until(lambda: (found := instance.status()) and "no client for HTTPS" in found.why, 60)
    assert not instance.status().armed


def test_a_refused_key_does_not_arm_the_guard(rent, provider, image, wait_until):
    provider.scope = set()
    instance = rent(image)
    wait_until(lambda: (found := instance.status()) and "refuses the instance's own key" in found.why, 60)
    assert not instance.status().armed


def test_a_key_that_may_only_stop_stops_and_then_the_last_resort(rent, provider, image, wait_until):
    provider.scope = {"see", "stop"}
    instance = rent(image, "kill 1", life_s=SHORT)
    wait_until(lambda: provider.did("see"), 60)
    instance.run_for(SHORT + 3600)
    assert provider.did("stop")


def test_a_false_not_found_page_is_not_trusted_for_long(rent, provider, image, wait_until):
    """Every call has a good status and none acts: an instance that still runs has not been destroyed (I18)."""
    instance = rent(image, "touch $HOME/last", life_s=SHORT)
    instance.wait_until_armed()
    provider.behaviour = "portal"
    instance.run_for(SHORT + 40 * 60)
    assert provider.there and len(provider.asked("destroy")) >= 8
    assert instance.sh("ls $HOME") == ""
    instance.run_for(20 * 60)
    wait_until(lambda: instance.sh("ls $HOME").strip() == "last", 60)


def test_a_revoked_key_disarms_the_guard(rent, provider, image, wait_until):
    instance = rent(image, life_s=20_000, max_life_s=20_000)
    instance.wait_until_armed()
    provider.behaviour = "cut"  # no answer says nothing: what was proven stands
    instance.run_for(RETEST_S)
    assert provider.did("see", outcome=0) and instance.status().armed
    provider.behaviour, provider.scope = "well", set()
    instance.run_for(RETEST_S)
    wait_until(lambda: "refuses the instance's own key" in instance.status().why, 60)


def test_without_network_the_guard_retries_until_it_can_destroy(rent, provider, image, wait_until):
    instance = rent(image, life_s=SHORT)
    instance.wait_until_armed()
    instance.run_for(SHORT - 60)
    provider.behaviour = "cut"
    instance.run_for(660)
    tries = len(provider.asked("destroy"))
    assert tries >= 3 and provider.there
    provider.behaviour = "well"
    instance.run_for(600)
    wait_until(lambda: provider.did("destroy"), 60)


def test_a_killed_holder_is_started_again_by_the_other_and_both_by_a_probe(rent, provider, image, wait_until):
    instance = rent(image, life_s=SHORT)
    wait_until(lambda: (found := instance.status()) and found.holders == 2, 60)
    for number in (1, 2):
        instance.sh(f"kill -9 {instance.holder_pid(number)}")
        instance.run_for(60)
        wait_until(lambda: instance.status().holders == 2, 60)
    instance.sh(f"kill -9 {instance.holder_pid(1)} {instance.holder_pid(2)}")
    instance.status()
    instance.run_for(60)
    wait_until(lambda: instance.status().holders == 2, 60)
    instance.run_for(SHORT)
    wait_until(lambda: provider.did("destroy"), 60)


@pytest.mark.parametrize("disk", ["tiny", "read-only"])
def test_a_full_disk_does_not_prevent_the_end(rent, provider, image, wait_until, disk):
    instance = rent(image, disk=disk, life_s=SHORT)
    wait_until(lambda: provider.did("see"), 60)
    instance.sh("dd if=/dev/zero of=$HOME/full bs=1k count=10000")
    instance.run_for(SHORT + 120)
    wait_until(lambda: provider.did("destroy"), 60)
