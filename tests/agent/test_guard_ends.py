"""The guard ends its instance at the deadline, in time and by the instance's own key (D7, F85, I10)."""

from __future__ import annotations

import pytest

from tests.agent.conftest import LIFE
from tests.agent.contained_instance import TRUE_START, UPTIME
from tests.agent.early_ends import put

SHORT = 120


def test_the_boot_script_installs_a_guard_that_arms_itself_and_ends_the_instance(rent, provider, image, wait_until):
    instance = rent(image, life_s=SHORT, max_life_s=SHORT)
    instance.wait_until_armed()
    instance.run_for(SHORT - 30)
    assert provider.asked("destroy") == []
    instance.run_for(90)
    wait_until(lambda: provider.did("destroy"), 60)
    assert TRUE_START + SHORT <= provider.did("destroy")[0] <= TRUE_START + SHORT + 60
    assert provider.leaks == []


def test_an_early_end_ends_it_in_time_and_upkeep_runs_at_each_tick(rent, provider, image, wait_until):
    instance = rent(image, life_s=LIFE)
    instance.wait_until_armed()
    put(instance, "upkeep.sh", "echo >>$HOME/ran")
    put(instance, "end-run", f"{TRUE_START + LIFE} boot-0001 {UPTIME + SHORT} run")
    instance.run_for(SHORT - 1)
    assert provider.asked("destroy") == []
    assert len(instance.sh("cat $HOME/ran")) == (SHORT - 1) // 15
    instance.run_for(16)
    wait_until(lambda: provider.did("destroy"), 60)


@pytest.mark.proofs
def test_destroys_at_the_deadline_and_not_before(rent, provider, image, wait_until):
    instance = rent(image)
    wait_until(lambda: provider.did("see"), 60)
    instance.run_for(LIFE - 30)
    assert provider.asked("destroy") == []
    instance.run_for(120)
    wait_until(lambda: provider.did("destroy"), 60)
    assert TRUE_START + LIFE <= provider.did("destroy")[0] <= TRUE_START + LIFE + 60
    assert provider.leaks == []
