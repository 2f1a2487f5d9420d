"""The ssh command line: options, pinned host key, control path, environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gpushopper.core.model.heartbeat import SshTarget
from gpushopper.core.ssh_options import CONTROL_SUFFIX
from gpushopper.errors import Misconfigured, ProviderFailed
from gpushopper.paths import Home
from gpushopper.remote.instance_access import InstanceAccess
from gpushopper.remote.ssh_command import control_path
from gpushopper.remote.ssh_environment import SMALL_HEAP, environment
from tests.remote.conftest import login


def resolved(argv: list[str]) -> dict[str, str]:
    """What ssh makes of its arguments."""
    words = [argv[0], "-G", *argv[1:]]
    said = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True, env=environment())
    return dict(line.partition(" ")[::2] for line in said.stdout.splitlines())


def test_the_options_are_those_of_the_design(remote: InstanceAccess, where: Home):
    found = resolved(remote.connection(login(2222)).argv("true"))
    expected = {
        "hostname": "127.0.0.1", "port": "2222", "user": "root", "batchmode": "yes", "identitiesonly": "yes",
        "identityagent": "none", "forwardagent": "no", "forwardx11": "no", "permitlocalcommand": "no",
        "passwordauthentication": "no", "kbdinteractiveauthentication": "no", "preferredauthentications": "publickey",
        "globalknownhostsfile": "/dev/null", "updatehostkeys": "false", "checkhostip": "no",
        "hostkeyalias": "attempt1", "stricthostkeychecking": "accept-new", "controlmaster": "auto",
        "controlpersist": "90", "connecttimeout": "10", "serveraliveinterval": "10", "requesttty": "false",
        "userknownhostsfile": str(where.ssh_keys / "attempt1.hosts"),
        "identityfile": str(where.ssh_keys / "session1.key"),
    }  # fmt: skip
    assert {name: found.get(name) for name in expected} == expected
    assert not [name for name in found if "forward" in name and name.startswith(("local", "remote", "dynamic"))]


def test_a_pinned_host_is_checked_strictly(remote: InstanceAccess, where: Home):
    where.ssh_keys.mkdir()
    (where.ssh_keys / "attempt1.hosts").write_text("attempt1 ssh-ed25519 AAAA\n")
    assert resolved(remote.connection(login(22)).argv())["stricthostkeychecking"] == "true"


@pytest.mark.parametrize("name", ["with space", "100%h", "it's", "grüße"])
def test_a_folder_of_any_plain_name_reaches_ssh_unchanged(home: Path, name: str):
    where = Home(home / name, home / name)
    found = resolved(InstanceAccess(where).connection(login(22)).argv())
    assert found["userknownhostsfile"].strip('"') == str(where.ssh_keys / "attempt1.hosts")
    if "%" not in name:  # ssh shows these two before it expands them
        assert found["identityfile"] == str(where.ssh_keys / "session1.key")
        assert found["controlpath"].startswith(str(where.run))


@pytest.mark.parametrize("name", ['a"b', "a$HOME", "a\\b", "a\nb"])
def test_a_folder_that_ssh_would_misread_is_refused(home: Path, name: str):
    remote = InstanceAccess(Home(home / name, home / name))
    with pytest.raises(Misconfigured, match="ssh cannot use files"):  # before anything is rented
        remote.public_key("session1")
    with pytest.raises(Misconfigured, match="ssh cannot use files"):
        remote.connection(login(22))


@pytest.mark.parametrize(
    ("host", "port", "user"),
    [("-oProxyCommand=id", 22, "root"), ("a b", 22, "root"), ("a;id", 22, "root"), ("", 22, "root"),
     ("a\n", 22, "root"), ("%h", 22, "root"), ("h", 0, "root"), ("h", 70000, "root"), ("h", 22, "-l"),
     ("h", 22, "a b"), ("a@b", 22, "root")],
)  # fmt: skip
def test_an_invalid_address_never_reaches_ssh(remote: InstanceAccess, host: str, port: int, user: str):
    with pytest.raises(ProviderFailed):
        remote.connection(SshTarget("session1", "attempt1", host, port, user))


def test_the_control_path_fits_a_socket_with_what_ssh_adds(home: Path):
    shared = home.parent
    edge = home / ("d" * (100 - len(os.fsencode(home)) - len("/run/c-123456789012345678/") - 1))
    for there in (edge, home / ("d" * 60)):  # one that fits without ssh's own suffix, one that does not at all
        found = control_path(Home(there, there), login(22), shared)
        assert found is not None and found.parent.parent == shared
    deep = home / ("d" * 60)
    short, long = control_path(Home(home, home), login(22)), control_path(Home(deep, deep), login(22), shared)
    assert short is not None and short.is_relative_to(home)
    assert long is not None and long.parent == shared / f"gpu-shopper-{os.geteuid()}"
    assert long.parent.stat().st_mode & 0o777 == 0o700
    assert max(len(os.fsencode(path)) + CONTROL_SUFFIX for path in (short, long)) <= 100


def test_a_link_in_place_of_our_folder_is_not_used(home: Path, tmp_path: Path):
    deep = home / ("d" * 60)
    (home.parent / f"gpu-shopper-{os.geteuid()}").symlink_to(tmp_path)
    assert control_path(Home(deep, deep), login(22), home.parent) is None
    assert list(tmp_path.iterdir()) == []


def test_two_addresses_of_one_attempt_do_not_share_a_connection(where: Home):
    assert control_path(where, login(22)) != control_path(where, login(23))


def test_the_environment_is_scrubbed():
    given = {"SSH_AUTH_SOCK": "/agent", "VAST_API_KEY": "secret", "LANG": "de_DE.UTF-8", "SSH_ASKPASS": "x"}
    kept = {"PATH": "/bin", "HOME": "/h", "TERM": "xterm"}
    ours = {"LC_ALL": "C", "GLIBC_TUNABLES": SMALL_HEAP}
    assert environment({**given, **kept, "GLIBC_TUNABLES": "x"}) == {**kept, **ours}
