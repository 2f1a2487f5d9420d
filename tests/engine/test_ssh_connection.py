"""How to log in to an instance, and the files of ssh that are kept in step with open sessions."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.model.attempt import Attempt
from gpushopper.engine import ssh_files
from gpushopper.errors import Refused, UsageError
from gpushopper.remote.instance_access import InstanceAccess
from gpushopper.remote.planting import member_keys
from gpushopper.store import sessions
from tests.engine.test_provision import request
from tests.sim.world import World

DAY = 86400


@pytest.fixture
def remote(world: World) -> InstanceAccess:
    made = InstanceAccess(world.home)
    world.engine.ctx.remote = made
    return made


def rent(world: World, name: str, *, is_ready: bool = True) -> Attempt:
    """A session on the paper market."""
    (session,) = world.requests.provision(replace(request(world), name=name)).sessions
    if is_ready:
        assert world.run_until(lambda: world.requests.session(session).status == "running")
    (attempt,) = sessions.attempts_of(world.store, session)
    return attempt


def make_live(world: World, attempt: Attempt, **changes: Any) -> Attempt:
    """Let the rows say what a live instance's would."""
    where = {"guard_state": "self_destroy", "ssh_host": "192.0.2.7", "ssh_port": 2222}
    with world.store.transaction():
        return sessions.update_attempt(world.store, attempt, **{**where, **changes})


def test_a_live_instance_has_an_ssh_connection(world: World, remote: InstanceAccess):
    attempt = make_live(world, rent(world, "train"))
    found = world.requests.connection("train")
    assert (found.host, found.port, found.user, found.name) == ("192.0.2.7", 2222, "root", "train")
    assert found.key == str(world.home.ssh_keys / f"{attempt.session_id}.key")
    assert found.known_hosts == str(world.home.ssh_keys / f"{attempt.id}.hosts")
    assert f"HostKeyAlias={attempt.id}" in found.options
    assert (found.is_simulated, found.health) == (False, "ok")


def test_a_paper_instance_has_no_ssh_connection(world: World, remote: InstanceAccess):
    rent(world, "train")
    found = world.requests.connection("train")
    assert found.is_simulated and (found.host, found.key, found.options) == ("", "", [])


def test_without_a_remote_there_is_no_ssh_connection(world: World):
    make_live(world, rent(world, "train"))
    assert world.requests.connection("train").is_simulated


def test_before_it_is_ready_a_connection_is_refused(world: World, remote: InstanceAccess):
    rent(world, "train", is_ready=False)
    with pytest.raises(Refused, match="not ready yet"):
        world.requests.connection("train")


def test_an_ending_session_is_refused(world: World, remote: InstanceAccess):
    make_live(world, rent(world, "train"))
    world.requests.end(["train"])
    with pytest.raises(Refused, match="ending or has ended"):
        world.requests.connection("train")


def test_an_instance_without_an_address_is_refused(world: World, remote: InstanceAccess):
    make_live(world, rent(world, "train"), ssh_host=None)
    with pytest.raises(Refused, match="no address"):
        world.requests.connection("train")


# ---- files


def test_entries_of_the_ssh_configuration_come_and_go_with_sessions(world: World, remote: InstanceAccess):
    make_live(world, rent(world, "train"))
    rent(world, "paper", is_ready=False)
    world.ssh_files.sync()
    assert "Host gpu-shopper-train\n" in world.home.ssh_config.read_text()
    assert "gpu-shopper-paper\n" not in world.home.ssh_config.read_text()
    world.requests.end(["train"])
    world.ssh_files.sync()
    assert "Host gpu-shopper" not in world.home.ssh_config.read_text()


def test_pinned_host_keys_go_with_their_attempts(world: World, remote: InstanceAccess):
    attempt = make_live(world, rent(world, "train"))
    world.home.ssh_keys.mkdir(exist_ok=True)
    pins = [world.home.ssh_keys / f"{name}.hosts" for name in (attempt.id, "former")]
    for pin in pins:
        pin.write_text("x")
    world.ssh_files.sync()
    assert [pin.exists() for pin in pins] == [True, False]
    world.requests.end(["train"])
    assert world.run_until(lambda: world.requests.session(attempt.session_id).end_stage == "proven")
    world.ssh_files.sync()
    assert not pins[0].exists()


def test_a_sync_does_nothing_while_no_row_changes(world: World, remote: InstanceAccess):
    make_live(world, rent(world, "train"))
    world.ssh_files.sync()
    world.home.ssh_config.unlink()
    world.ssh_files.sync()
    assert not world.home.ssh_config.exists()


def test_a_key_outlives_its_receipt_by_some_days(world: World, remote: InstanceAccess):
    attempt = make_live(world, rent(world, "train"))
    remote.public_key(attempt.session_id)
    remote.public_key("leftover")
    remote.public_key("beginning")
    keys = {name: world.home.ssh_keys / f"{name}.key" for name in (attempt.session_id, "leftover", "beginning")}
    now = world.engine.ctx.clock.now().wall / 1e6
    for name, age in ((attempt.session_id, 9 * DAY), ("leftover", 2 * DAY), ("beginning", 60)):
        os.utime(keys[name], (now - age, now - age))
    world.ssh_files.prune_keys()
    assert [key.exists() for key in keys.values()] == [True, False, True]
    world.requests.end(["train"])
    assert world.run_until(lambda: world.requests.session(attempt.session_id).end_stage == "proven")
    world.sleep(ssh_files.KEPT_S - DAY)
    world.ssh_files.prune_keys()
    assert keys[attempt.session_id].exists()
    world.sleep(2 * DAY)
    world.ssh_files.prune_keys()
    assert not keys[attempt.session_id].exists()


def test_who_logs_in_from_elsewhere_is_let_in_and_told_the_host_key(world: World, remote: InstanceAccess):
    """Their private half is not here: only the public one came with the request (I21)."""
    theirs = "ssh-ed25519 " + "B" * 68
    (session,) = world.requests.provision(replace(request(world), name="train", ssh_key=theirs)).sessions
    assert world.run_until(lambda: world.requests.session(session).status == "running")
    (attempt,) = sessions.attempts_of(world.store, session)
    make_live(world, attempt)
    member_keys.keep(world.home.ssh_keys, session, theirs)  # simulated instances let nobody in
    assert (world.requests.connection("train").member_key, world.requests.connection("train").host_key) == (theirs, "")
    (world.home.ssh_keys / f"{attempt.id}.hosts").write_text("alias ssh-ed25519 AAAA\n")
    assert world.requests.connection("train").host_key == "alias ssh-ed25519 AAAA\n"


@pytest.mark.parametrize("bad", ["ssh-rsa AAAA", "ssh-ed25519 " + "B" * 68 + " me", "ssh-ed25519 B\nB"])
def test_what_is_no_public_key_is_refused(world: World, remote: InstanceAccess, bad: str):
    with pytest.raises(UsageError):
        world.requests.provision(replace(request(world), ssh_key=bad))
