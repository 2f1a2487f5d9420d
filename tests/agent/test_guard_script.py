"""The guard's script: plain sh, within the size limits, the same with and without its comments (S29, S33)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gpushopper.core.model.guard_recipe import GuardCall, SelfDestroy
from gpushopper.providers.vast.guard_recipe import STARTUP_LIMIT, self_destroy_recipe
from gpushopper.remote import boot_script, guard_files
from gpushopper.remote.planting.guard_text import guard_for
from tests.agent.conftest import LIFE, MAX_LIFE, PUBLIC_KEY
from tests.needs import needs

RECIPE = self_destroy_recipe("https://console.vast.ai")
AGENT = Path(__file__).parents[2] / "agent"
ROOM, ROOM_IN_ALL = 300, 200
"""Characters that must stay free for later changes: below the limit of a packed guard, and of the boot script."""


def test_the_packed_guard_fits_the_limits_with_room_left(capsys):
    payload = guard_files.pack(guard_for(RECIPE, guard_files.stripped(guard_files.guard_script())))
    limit = STARTUP_LIMIT
    text = boot_script.write_boot_script(RECIPE, PUBLIC_KEY, 86_400, 1_800_000_000, 7 * 86_400, max_length=limit)
    left, left_in_all = boot_script.PAYLOAD_LIMIT - len(payload), limit - len(text)
    with capsys.disabled():
        print(f"\nguard: {len(payload)} characters packed, {left} left; {len(text)} in all, {left_in_all} left")
    assert left >= ROOM and left_in_all >= ROOM_IN_ALL


@needs("shellcheck")
@pytest.mark.parametrize("dialect", ["sh", "dash"])
@pytest.mark.parametrize("name", ["guard.sh", "over_ssh.sh"])
def test_shellcheck_finds_nothing(dialect: str, name: str):
    found = subprocess.run(
        ["shellcheck", "-s", dialect, str(AGENT / name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_only_comments_and_blanks_are_left_out():
    whole = [line.strip() for line in guard_files.guard_script().splitlines()]
    assert guard_files.stripped(guard_files.guard_script()).splitlines() == [
        line for line in whole if line and not line.startswith("#")
    ]


@pytest.mark.proofs
def test_a_guard_with_comments_does_the_same(rent, provider, image, wait_until):
    instance = rent(image, whole=True, life_s=900)
    instance.wait_until_armed()
    instance.run_for(960)
    wait_until(lambda: provider.did("destroy"), 60)


@pytest.mark.parametrize(
    ("life", "most", "tick", "back"), [(0, 10, 15, 300), (20, 10, 15, 300), (5, 10, 16, 300), (5, 10, 15, 301)]
)
def test_times_that_could_delay_the_end_are_refused(life: int, most: int, tick: int, back: int):
    with pytest.raises(ValueError, match="a guard"):
        boot_script.write_boot_script(RECIPE, PUBLIC_KEY, life, 1_800_000_000, most, tick, back)


@pytest.mark.parametrize("endpoint", ["https://x/y", "ftp://x", "https://x;reboot", "https://$(id)"])
def test_an_endpoint_that_sh_would_interpret_is_refused(endpoint: str):
    call = GuardCall("GET", "/$ID")
    recipe = SelfDestroy(endpoint, "A", "B", call, (call,))
    with pytest.raises(ValueError, match="endpoint"):
        boot_script.write_boot_script(recipe, PUBLIC_KEY, LIFE, 1_800_000_000, MAX_LIFE)
