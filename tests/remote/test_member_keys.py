"""A member's public key: kept beside the session's own, let in by every way to plant, gone with the session's."""

from __future__ import annotations

import os
import stat

import pytest

from gpushopper.core.cloud import Planting, PlantingMethod
from gpushopper.paths import Home
from gpushopper.providers.vast.guard_recipe import STARTUP_LIMIT, self_destroy_recipe
from gpushopper.providers.vast.traits import TRAITS as VAST
from gpushopper.remote import boot_script, ssh_keys
from gpushopper.remote.instance_access import InstanceAccess
from gpushopper.remote.planting import member_keys

OURS = "ssh-ed25519 " + "A" * 68
THEIRS = "ssh-ed25519 " + "B" * 68
RECIPE = self_destroy_recipe("https://console.vast.ai")


def write(method: PlantingMethod, member_key: str, max_length: int | None = None) -> str:
    planting = Planting(method, user="user")
    return boot_script.write_boot_script(
        RECIPE, OURS, 3600, 1_800_000_000, 7200, planting=planting, max_length=max_length, member_key=member_key
    )


@pytest.mark.parametrize("method", PlantingMethod)
def test_every_way_to_plant_lets_the_member_in_and_us_as_before(method: PlantingMethod):
    alone, both = write(method, ""), write(method, THEIRS)
    assert (THEIRS in alone, THEIRS in both) == (False, True)
    assert (OURS in both) == (OURS in alone) == (method is not PlantingMethod.OVER_SSH)


def test_it_fits_where_there_is_little_room():
    assert THEIRS in write(PlantingMethod.ONSTART, THEIRS, max_length=STARTUP_LIMIT - 50)


@pytest.mark.parametrize("bad", [THEIRS + "'; rm -rf /; '", "ssh-rsa AAAA", THEIRS + "\n", 'command="x" ' + THEIRS])
def test_what_is_no_key_of_ours_gets_into_no_script(bad: str):
    with pytest.raises(ValueError, match="not one that is made here"):
        write(PlantingMethod.ONSTART, bad)


def test_it_is_private_read_for_the_create_and_pruned_with_the_session(where: Home, remote: InstanceAccess):
    remote.public_key("session1")
    assert member_keys.kept(where.ssh_keys, "session1") == ""
    member_keys.keep(where.ssh_keys, "session1", THEIRS)
    path = where.ssh_keys / "session1.member"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert THEIRS in remote.boot_script(RECIPE, VAST, "session1", 3600, 1_800_000_000, 7200, 15, 300, {})
    os.utime(ssh_keys.key_path(where.ssh_keys, "session1"), (1, 1))
    assert remote.prune_keys((), 10) == ["session1"]
    assert not path.exists()
