"""The checks of `doctor` on this computer, by value: each that is not fulfilled says what to do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper.cli.commands.set_up.doctor_checks import clock, namespaces, unit
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.daemon.keys.keyring_check import check_keyring
from gpushopper.daemon.record_checks import check_file_system
from gpushopper.paths import Home
from gpushopper.secrets import KeyProblem, KeyringTimeout, KeyringUnavailable
from tests.core.samples import NOW

SERVICE = "[Service]\nExecStart=/usr/bin/gpu-shopper daemon run\n"
PLIST = "<array><string>/opt/bin/gpu-shopper</string>\n  <string>daemon</string><string>run</string></array>"


@pytest.mark.parametrize(
    ("ahead_us", "ok", "said"),
    [
        ([], True, "not compared"), ([-MINUTE, 30], True, "within 2m"), ([5 * MINUTE, 0], False, "5m ahead of"),
        ([-5 * MINUTE], False, "5m behind"),
    ],
)  # fmt: skip
def test_the_clock_is_compared_with_those_of_the_clouds(ahead_us: list[int], ok: bool, said: str):
    found = clock(NOW, ahead_us)
    assert found["ok"] is ok and said in found["text"] and ("timedatectl" in found["hint"]) is not ok


def test_a_year_that_cannot_be_is_a_problem_without_any_cloud():
    assert not clock(replace(NOW, wall=0), [])["ok"]


def test_what_is_optional_is_no_problem_and_says_what_it_is_for():
    assert namespaces("")["hint"] == "" and not namespaces("")["optional"]
    lacking = namespaces("live instances need unshare (util-linux)")
    assert lacking["ok"] and lacking["optional"] and "sandbox start --live" in lacking["hint"]


@pytest.mark.parametrize(("name", "text"), [("gpu-shopper.service", SERVICE), ("x.plist", PLIST)])
def test_a_unit_that_starts_the_daemon_is_found(tmp_path: Path, name: str, text: str):
    (tmp_path / "other.service").write_text("[Service]\nExecStart=/usr/bin/true\n")
    (tmp_path / name).write_text(text)
    found = unit([str(tmp_path / "none"), str(tmp_path)])
    assert found["ok"] and not found["optional"] and name in found["text"]


def test_a_users_unit_needs_linger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "gs.service").write_text(SERVICE)
    ends = unit(["~"], str(tmp_path / "linger"))
    assert ends["optional"] and "loginctl enable-linger" in ends["hint"]
    monkeypatch.setenv("LOGNAME", "alice")
    (tmp_path / "linger").mkdir()
    (tmp_path / "linger" / "alice").touch()
    assert not unit(["~"], str(tmp_path / "linger"))["optional"]


@pytest.mark.parametrize(
    ("line", "is_found"),
    [("@reboot /opt/bin/gpu-shopper daemon start", True), ("# @reboot gpu-shopper daemon start", False),
     ("0 * * * * gpu-shopper watchdog", False)],
)  # fmt: skip
def test_a_line_that_starts_it_is_found_in_a_crontab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, is_found: bool
):
    program = tmp_path / "crontab"
    program.write_text(f"#!/bin/sh\necho '{line}'\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = unit([])
    assert found["optional"] is not is_found and ("daemon install" in found["hint"]) is not is_found


@pytest.mark.parametrize(
    ("kind", "optional"), [("ext4", False), ("tmpfs", True), ("nfs4", True), ("fuse.sshfs", True), ("", False)]
)
def test_records_in_memory_or_on_a_network_are_said(home: Path, kind: str, optional: bool):
    found = check_file_system(Home(data=home, config=home), f"x / {kind} rw 0 0\n" if kind else "")
    assert found["ok"] and found.get("optional", False) is optional and bool(found.get("hint")) is optional


@pytest.mark.parametrize("problem", [KeyringUnavailable("no bus", "x"), KeyringTimeout("late", "x"), "Secret Service"])
def test_a_keyring_that_is_not_there_is_no_problem(home: Path, problem: str | KeyProblem):
    found = check_keyring(Home(data=home, config=home), lambda limit_s: problem)
    assert found["ok"] and found["optional"] is not isinstance(problem, str)
    assert ("--file" in found["hint"]) is found["optional"]
