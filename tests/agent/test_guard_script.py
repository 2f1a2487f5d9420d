"""The script itself: plain sh, small enough to be planted, the same with and without its comments (S29, S33)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gpushopper.core.model.guard_recipe import GuardCall, GuardRecipe
from gpushopper.providers.vast.guard_recipe import self_destroy
from gpushopper.remote import boot_script, guard_protocol
from tests.agent.conftest import LIFE, MOST, PUBLIC_KEY
from tests.needs import needs

RECIPE = self_destroy("https://console.vast.ai")
AGENT = Path(__file__).parents[2] / "agent"
ROOM = 300
"""Characters that must stay free for what the guard has to learn yet."""


def test_it_fits_where_it_must_be_planted_and_leaves_room(capsys):
    payload = boot_script.pack(boot_script.planted_script(RECIPE, boot_script.stripped(boot_script.guard_script())))
    text = guard_protocol.startup_text(RECIPE, PUBLIC_KEY, 86_400, 1_800_000_000, 7 * 86_400)
    left = min(3400 - len(payload), RECIPE.max_startup_length - len(text))
    with capsys.disabled():
        print(f"\nguard: {len(payload)} characters packed, {len(text)} with the boot script, {left} left")
    assert left >= ROOM


@needs("shellcheck")
@pytest.mark.parametrize("dialect", ["sh", "dash"])
@pytest.mark.parametrize("name", ["guard.sh", "over_ssh.sh"])
def test_shellcheck_finds_nothing(dialect: str, name: str):
    found = subprocess.run(
        ["shellcheck", "-s", dialect, str(AGENT / name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_only_comments_and_blanks_are_left_out():
    whole = [line.strip() for line in boot_script.guard_script().splitlines()]
    assert boot_script.stripped(boot_script.guard_script()).splitlines() == [
        line for line in whole if line and not line.startswith("#")
    ]


@pytest.mark.proofs
def test_the_commented_one_does_the_same(rent, provider, world, wait_until):
    instance = rent(world, whole=True)
    wait_until(lambda: (found := instance.status()) and found.armed, 60)
    instance.run_for(LIFE + 60)
    wait_until(lambda: provider.did("destroy"), 30)


@pytest.mark.parametrize(
    ("life", "most", "tick", "back"), [(0, 10, 15, 300), (20, 10, 15, 300), (5, 10, 16, 300), (5, 10, 15, 301)]
)
def test_a_term_that_could_lengthen_life_is_refused(life: int, most: int, tick: int, back: int):
    with pytest.raises(ValueError, match="a guard"):
        guard_protocol.startup_text(RECIPE, PUBLIC_KEY, life, 1_800_000_000, most, tick, back)


@pytest.mark.parametrize("endpoint", ["https://x/y", "ftp://x", "https://x;reboot", "https://$(id)"])
def test_an_address_that_sh_would_read_is_refused(endpoint: str):
    call = GuardCall("GET", "/$ID")
    recipe = GuardRecipe(endpoint, "A", "B", call, call, None, (), 4000)
    with pytest.raises(ValueError, match="endpoint"):
        guard_protocol.startup_text(recipe, PUBLIC_KEY, LIFE, 1_800_000_000, MOST)
