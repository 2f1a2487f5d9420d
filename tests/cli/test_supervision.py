"""`daemon install`, `uninstall`, start and stop through the service manager; its unit is sound, and is gone again."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gpushopper.cli.app import App
from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.keyless_daemon import replace_keyless
from gpushopper.cli.process.supervisor.installed import Launchd, Systemd, unit_name, variables_of
from gpushopper.cli.process.supervisor.unit_text import launch_agent, systemd_unit
from gpushopper.paths import Home, find_home
from tests.cli import fake_systemctl
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside
from tests.cli.schema_checks import check
from tests.floors.tree import ROOT
from tests.needs import needs
from tests.test_client import Peer, reply


@pytest.fixture
def manager(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A systemd of the test's own; the folder in which it keeps what it was asked."""
    home.mkdir()
    folder, programs = tmp_path / "manager", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    for name in ("systemctl", "loginctl"):
        script = f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m tests.cli.fake_systemctl {folder} {name} "$@"\n'
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield folder
    fake_systemctl.stop(folder)


@pytest.fixture
def gs(home: Path) -> Inside:
    return Inside(home)


def asked(manager: Path) -> list[str]:
    path = manager / "asked"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


@pytest.mark.proofs
def test_from_install_to_uninstall(home: Path, manager: Path):
    """One story with a real daemon."""
    gs = Shell(home)
    before = gs("daemon", "start")
    assert before.code == 0 and asked(manager) == []
    ran = gs("daemon", "install")
    unit = Systemd(find_home())
    assert (ran.code, ran.out) == (0, f"installed and running: {unit.path}\n"), ran.err
    assert "To keep it: loginctl enable-linger" in ran.err
    assert unit.path.stat().st_mode & 0o777 == 0o600
    words = [f"systemctl --user {verb}" for verb in ("daemon-reload", f"enable {unit.unit}", f"restart {unit.unit}")]
    assert asked(manager)[:3] == words
    pid = gs("daemon", "status", "--json").json["pid"]
    assert str(pid) == (manager / "pid").read_text(), "the former daemon has made room"

    assert gs("daemon", "stop").out == "stopped\n"
    assert asked(manager) == [f"systemctl --user stop {unit.unit}"] and gs("daemon", "status").code == 5
    assert gs("ls").code == 0, "a command starts it"
    assert asked(manager) == [f"systemctl --user start {unit.unit}"]
    assert str(gs("daemon", "status", "--json").json["pid"]) == (manager / "pid").read_text()

    ran = gs("daemon", "uninstall")
    assert (ran.code, ran.out) == (0, f"removed: {unit.path}\n") and not unit.path.exists()
    assert [line.split()[2] for line in asked(manager)] == ["disable", "daemon-reload"]
    assert gs("daemon", "status").code == 5
    assert gs("daemon", "uninstall").code == 3
    for line in ("daemon install", "daemon uninstall"):
        assert check(gs, line).code == 0


def test_an_installed_daemon_is_started_and_stopped_by_its_manager(gs: Inside, manager: Path):
    where, unit = find_home(), Systemd(find_home())
    unit.path.parent.mkdir(parents=True)
    unit.path.write_text(unit.text(daemon_process.command("run"), variables_of(where)))
    (manager / "inert").touch()
    peer = Peer(where.socket)
    peer.scripts = [reply({"ok": True})]
    try:
        assert daemon_process.start(where) == {"ok": True}
    finally:
        peer.close()
    assert asked(manager) == [f"systemctl --user start {unit.unit}"]
    assert gs("daemon", "stop").out == "it was not running\n"
    assert asked(manager) == [f"systemctl --user stop {unit.unit}"], "else it would be started again"
    app = cast(App, SimpleNamespace(home=where))
    assert not replace_keyless(app, ["vast"]), "it would be started without this shell's key, by every command anew"


def test_a_manager_that_refuses_leaves_nothing_behind(gs: Inside, manager: Path):
    (manager / "refuses").touch()
    ran = gs("daemon", "install")
    assert ran.code == 4 and ran.out == ""
    assert "systemctl --user daemon-reload failed: Failed to connect to bus" in ran.err
    assert "loginctl enable-linger" in ran.err and "daemon logs" not in ran.err
    assert not Systemd(find_home()).path.exists()


@pytest.mark.proofs
def test_where_the_manager_cannot_be_reached_the_daemon_is_started_without_it(home: Path, manager: Path):
    """cron, for instance, without a login: the user's manager does not run."""
    gs = Shell(home)
    unit = Systemd(find_home())
    unit.path.parent.mkdir(parents=True)
    unit.path.write_text(unit.text(daemon_process.command("run"), variables_of(find_home())))
    (manager / "refuses").touch()
    assert gs("daemon", "start").out.startswith("started")
    assert gs("daemon", "stop").out == "stopped\n"


def test_print_changes_nothing_and_the_sandbox_is_not_supervised(gs: Inside, manager: Path):
    ran = gs("daemon", "install", "--print")
    assert ran.code == 0 and ran.out.startswith("# Written by") and asked(manager) == []
    assert not Systemd(find_home()).path.exists()
    assert gs("--sandbox", "daemon", "install").code == 2


def test_without_any_manager_cron_is_named(gs: Inside, tmp_path: Path):
    gs.home.mkdir()
    ran = gs("daemon", "install", PATH=str(tmp_path))
    assert ran.code == 4 and "@reboot gpu-shopper daemon start" in ran.err


ODD = 'a "b" \\c $HOME %h é'


def test_a_unit_keeps_every_character_of_a_path():
    text = systemd_unit(["/opt/x y/python", "-m", "gpushopper.daemon", "run"], {"GPU_SHOPPER_HOME": f"/home/{ODD}"})
    assert 'ExecStart="/opt/x y/python" "-m" "gpushopper.daemon" "run"\n' in text
    assert 'Environment="GPU_SHOPPER_HOME=/home/a \\"b\\" \\\\c $HOME %%h é"\n' in text
    for line in ("Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=120", "Type=notify", "LimitCORE=1"):
        assert f"\n{line}\n" in text


def test_homes_have_units_of_their_own(tmp_path: Path):
    usual, other = Home(tmp_path / "data", tmp_path / "config"), Home(tmp_path / "x", tmp_path / "x")
    assert unit_name(usual) == "gpu-shopper" and "GPU_SHOPPER_HOME" not in variables_of(usual)
    assert unit_name(other) != unit_name(Home(tmp_path / "y", tmp_path / "y"))
    assert variables_of(other)["GPU_SHOPPER_HOME"] == str(tmp_path / "x")


def test_a_launch_agent_is_kept_alive(tmp_path: Path):
    label = Launchd(Home(tmp_path, tmp_path)).label
    found = plistlib.loads(launch_agent(label, ["/p", "run"], {"A": ODD}, tmp_path / "log").encode())
    assert found["KeepAlive"] and found["RunAtLoad"] and found["EnvironmentVariables"] == {"A": ODD}
    assert found["ProgramArguments"] == ["/p", "run"] and found["HardResourceLimits"] == {"Core": 0}


@pytest.mark.proofs
@needs("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path):
    runtime = Path(tempfile.mkdtemp(prefix="gs-", dir="/tmp"))  # short: systemd's own sockets lie below it
    odd = tmp_path / "a b%h"
    odd.mkdir()
    (odd / "python").symlink_to(sys.executable)
    path = tmp_path / "gpu-shopper.service"
    path.write_text(systemd_unit([str(odd / "python"), "-m", "gpushopper.daemon", "run"], {"GPU_SHOPPER_HOME": ODD}))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(path)], env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    path.write_text(path.read_text().replace("Type=notify", "Type=notifies"))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(path)], env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "notifies" in done.stderr, "it does look at it"
    shutil.rmtree(runtime)
