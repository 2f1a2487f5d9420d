"""The managed ssh configuration: what ssh reads from it is exactly our connections."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gpushopper.core.model.heartbeat import SshTarget
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home
from gpushopper.remote.instance_access import InstanceAccess


def login(session: str, port: int = 22) -> SshTarget:
    return SshTarget(session, f"a{session}", "192.0.2.7", port)


def asked(file: Path, alias: str) -> dict[str, str]:
    done = subprocess.run(["ssh", "-G", "-F", str(file), alias], capture_output=True, text=True, timeout=60, check=True)
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def test_an_alias_connects_to_the_pinned_attempt(where: Home, remote: InstanceAccess):
    assert remote.write_ssh_config([("train", login("s1", 2201)), ("eval", login("s2", 2202))])
    found = asked(where.ssh_config, "gpu-shopper-eval")
    expected = {
        "hostname": "192.0.2.7", "port": "2202", "user": "root", "hostkeyalias": "as2", "batchmode": "yes",
        "identityfile": str(where.ssh_keys / "s2.key"), "userknownhostsfile": str(where.ssh_keys / "as2.hosts"),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert where.ssh_config.stat().st_mode & 0o777 == 0o600


def test_other_hosts_are_not_changed(where: Home, remote: InstanceAccess):
    remote.write_ssh_config([("train", login("s1"))])
    for alias in ("train", "example.org", "gpu-shopper-", "gpu-shopper-train2"):
        assert asked(where.ssh_config, alias)["hostname"] == alias


@pytest.mark.parametrize("name", ["*", "a b", "!x", "a\nHost *", "", "ü", "x" * 101])
def test_a_name_that_ssh_would_misread_is_replaced_by_the_id(where: Home, remote: InstanceAccess, name: str):
    remote.write_ssh_config([(name, login("s1"))])
    assert asked(where.ssh_config, "gpu-shopper-s1")["hostname"] == "192.0.2.7"
    assert asked(where.ssh_config, "anything")["hostname"] == "anything"


def test_two_sessions_of_one_name_have_two_entries(where: Home, remote: InstanceAccess):
    remote.write_ssh_config([("train", login("s1", 1)), ("train", login("s2", 2))])
    assert [asked(where.ssh_config, f"gpu-shopper-{name}")["port"] for name in ("train", "s2")] == ["1", "2"]


def test_entries_are_removed_with_their_sessions(where: Home, remote: InstanceAccess):
    assert remote.write_ssh_config([("train", login("s1"))])
    assert not remote.write_ssh_config([("train", login("s1"))])
    assert remote.write_ssh_config([])
    assert "Host " not in where.ssh_config.read_text().replace("# Written by gpu-shopper: hosts", "")


def test_nothing_is_written_before_there_is_a_session(where: Home, remote: InstanceAccess):
    assert not remote.write_ssh_config([])
    assert not where.ssh_config.exists()


def test_an_invalid_address_has_no_entry(where: Home, remote: InstanceAccess):
    remote.write_ssh_config([("bad", SshTarget("s1", "as1", "x\n  ProxyCommand id", 22)), ("good", login("s2"))])
    assert "ProxyCommand" not in where.ssh_config.read_text()
    assert asked(where.ssh_config, "gpu-shopper-good")["hostname"] == "192.0.2.7"


def test_a_file_that_cannot_be_written_is_an_error(where: Home, remote: InstanceAccess):
    where.ssh_config.mkdir(parents=True)
    with pytest.raises(Misconfigured):
        remote.write_ssh_config([("train", login("s1"))])
