"""`ssh-config`: one line in the user's own file, and no harm to anything else there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.remote import ssh_host_alias
from gpushopper.core.model.heartbeat import SshTarget
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home
from gpushopper.remote.instance_access import InstanceAccess
from gpushopper.wire import ConnectionView
from tests.cli.in_process import Inside

OWN = b"# mine\r\nHost work\n\tHostName work.example\n  Port 2200\n\nMatch all\n  User me"
"""Odd line ends, tabs, no line end at its end."""


@pytest.fixture
def gs(home: Path) -> Inside:
    return Inside(home)


@pytest.fixture
def config(home: Path) -> Path:
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    return folder / "config"


def asked(config: Path, host: str) -> dict[str, str]:
    words = ["ssh", "-G", "-F", str(config), host]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def write_ssh_config(home: Path) -> None:
    InstanceAccess(Home(home, home)).write_ssh_config([("train", SshTarget("s1", "a1", "192.0.2.7", 2222))])


def test_install_adds_the_include_line_and_changes_nothing_else(gs: Inside, home: Path, config: Path):
    config.write_bytes(OWN)
    before = asked(config, "work")
    write_ssh_config(home)
    assert gs("ssh-config", "install").code == 0
    assert asked(config, "gpu-shopper-train")["hostname"] == "192.0.2.7"
    assert asked(config, "work") == before
    assert config.read_bytes().endswith(OWN)


def test_remove_gives_back_every_byte(gs: Inside, config: Path):
    config.write_bytes(OWN)
    assert gs("ssh-config", "install").code == 0
    assert config.read_bytes() != OWN
    assert gs("ssh-config", "remove").code == 0
    assert config.read_bytes() == OWN


def test_installing_twice_is_idempotent(gs: Inside, config: Path):
    config.write_bytes(OWN)
    gs("ssh-config", "install")
    first = config.read_bytes()
    assert "nothing to do" in gs("ssh-config", "install").err
    assert config.read_bytes() == first


def test_mode_owner_and_a_backup_are_kept(gs: Inside, config: Path):
    config.write_bytes(OWN)
    config.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(config, 12345, 12346)
    before = config.stat()
    assert gs("ssh-config", "install").code == 0
    after = config.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert config.with_name("config.before-gpu-shopper").read_bytes() == OWN
    assert [path.name for path in config.parent.iterdir() if path.name.startswith(".")] == []


def test_having_been_read_is_no_change(gs: Inside, config: Path):
    config.write_bytes(OWN)
    os.utime(config, (1000, 1000))  # the next reader is written down
    assert gs("ssh-config", "install").code == 0


def test_a_change_by_another_program_meanwhile_is_kept(gs: Inside, config: Path, tmp_path: Path):
    config.write_bytes(OWN)
    slow = tmp_path / "bin" / "ssh"
    slow.parent.mkdir()
    slow.write_text('#!/bin/sh\nprintf "\\n# new" >>"$HOME/.ssh/config"\nexec /usr/bin/ssh "$@"\n')
    slow.chmod(0o755)
    found = gs("ssh-config", "install", PATH=f"{slow.parent}:{os.environ['PATH']}")
    assert found.code != 0 and "it was changed by another program" in found.err
    assert config.read_bytes() == OWN + b"\n# new"


def test_a_link_stays_a_link(gs: Inside, config: Path, tmp_path: Path):
    real = tmp_path / "dotfiles"
    real.write_bytes(OWN)
    config.symlink_to(real)
    assert gs("ssh-config", "install").code == 0
    assert config.is_symlink() and real.read_bytes().endswith(OWN) and real.read_bytes() != OWN


def test_without_a_configuration_one_is_made(gs: Inside, home: Path):
    write_ssh_config(home)
    assert gs("ssh-config", "install").code == 0
    made = Path.home() / ".ssh" / "config"
    assert (made.stat().st_mode & 0o777, made.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert asked(made, "gpu-shopper-train")["port"] == "2222"


def test_a_real_home_and_a_sandbox_home_exist_side_by_side(gs: Inside, config: Path):
    config.write_bytes(OWN)
    gs("ssh-config", "install")
    one = config.read_bytes()
    gs("--sandbox", "ssh-config", "install")
    assert config.read_bytes().count(b"Include") == 2
    gs("--sandbox", "ssh-config", "remove")
    assert config.read_bytes() == one


@pytest.mark.parametrize("harm", ["broken", "read-only", "two names", "folder", "fifo", "dangling"])
def test_a_config_that_cannot_be_changed_safely_is_left_alone(gs: Inside, config: Path, tmp_path: Path, harm: str):
    config.write_bytes(b"Host x\n  NoSuchOption 1\n" if harm == "broken" else OWN)
    match harm:
        case "read-only":
            config.chmod(0o400)
        case "two names":
            os.link(config, tmp_path / "other")
        case "folder" | "fifo" | "dangling":
            config.unlink()
            {"folder": config.mkdir, "fifo": lambda: os.mkfifo(config),
             "dangling": lambda: config.symlink_to("/proc/nonexistent/config")}[harm]()  # fmt: skip
    before = config.lstat(), config.read_bytes() if config.is_file() else b""
    found = gs("ssh-config", "install")
    assert found.code == 4 and "was left as it is" in found.err, found
    assert (config.lstat(), config.read_bytes() if config.is_file() else b"") == before
    assert len(list(config.parent.iterdir())) == 1


def test_print_shows_the_line_and_the_entries(gs: Inside, home: Path, config: Path):
    assert gs("ssh-config").out == f'Include "{home}/ssh/config"\n'
    write_ssh_config(home)
    printed = gs("ssh-config", "print").out
    config.write_text(printed)
    assert asked(config, "gpu-shopper-train")["hostname"] == "192.0.2.7"
    gs("ssh-config", "install")
    assert gs("ssh-config", "print", "--json").json["installed"] is True


def test_a_session_is_found_by_its_attempt_whatever_its_host_is_called(home: Path):
    access = InstanceAccess(Home(home, home))
    access.write_ssh_config(
        [("train", SshTarget("s1", "a1", "192.0.2.7", 22)), ("train", SshTarget("s2", "a2", "h", 1))]
    )
    found = [ConnectionView(f"s{n}", "train", f"a{n}", "ok", False) for n in (1, 2, 3)]
    assert [ssh_host_alias.alias_of(new_app(), each) for each in found[:2]] == ["gpu-shopper-train", "gpu-shopper-s2"]
    with pytest.raises(Misconfigured, match="does not have train yet"):
        ssh_host_alias.alias_of(new_app(), found[2], limit_s=0)
