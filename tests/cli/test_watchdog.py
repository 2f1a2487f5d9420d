"""`watchdog` as cron runs it: exit status, what is printed, which keys it takes, and that it leaves no trace (E10)."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.in_process import Inside

ID = "abcdefghij"
RENT = "provision --gpu 4090 --hours 2 --yes --allow-unguarded"


@pytest.fixture
def inside(home: Path) -> Inside:
    return Inside(home)


def test_an_installation_has_to_be_named_and_the_own_one_can_be_copied(inside: Inside, home: Path):
    said = inside("watchdog")
    assert said.code == 2 and "name the installation" in said.err
    home.mkdir()
    (home / "installation.json").write_text(json.dumps({"installation": ID}))
    assert f"gpu-shopper watchdog --installation {ID}" in inside("watchdog").err
    assert ID in inside("config", "show").err and inside("config", "show", "--json").json["installation"] == ID


@pytest.mark.parametrize("wrong", ["", "abcdefghi", "ABCDEFGHIJ", "abcdefghi1", "abcdefghijk"])
def test_a_mistyped_installation_is_refused(inside: Inside, wrong: str):
    said = inside("watchdog", f"--installation={wrong}")
    assert said.code == 2 and "no installation id" in said.err


def test_without_a_key_it_says_which_one_does_and_leaves_no_trace(inside: Inside, home: Path):
    said = inside("watchdog", "--installation", ID, "--key-file", "/nonexistent/keys.toml")
    assert said.code == 4 and "/nonexistent/keys.toml" in said.err
    assert "VAST_API_KEY (a key with the permissions instance_read and instance_write)" in said.err
    assert "TENSORDOCK_API_TOKEN (this needs your full account key)" in said.err
    assert not home.exists()


def test_a_named_cloud_without_a_key_is_not_seen(inside: Inside):
    said = inside("watchdog", "--installation", ID, "-p", "vast", "--json")
    assert said.code == 7 and list(said.json["unavailable"]) == ["vast"] and '"could_not_see"' in said.err


@pytest.mark.proofs
def test_a_cloud_that_does_not_answer_is_not_seen(inside: Inside, home: Path, monkeypatch: pytest.MonkeyPatch):
    home.mkdir()
    at = '[providers.vast]\nendpoint = "http://127.0.0.1:9"\n'
    (home / "config.toml").write_text(f'{at}[policy]\nname = "drill"\n[providers.tensordock]\nenabled = false\n')
    monkeypatch.setenv("VAST_API_KEY", "0" * 64)
    said = inside("watchdog", "--installation", ID, "-q")
    assert said.code == 7 and "vast could not be seen" in said.err and "0" * 64 not in said.err


@pytest.mark.proofs
def test_it_ends_what_a_killed_daemon_left_and_coexists_with_one_that_runs(home: Path):
    gs = Shell(home, "--sandbox")
    try:
        assert gs("sandbox", "start").code == 0
        for cloud in ("vast", "tensordock"):
            assert gs(*RENT.split(), "-p", cloud, "--name", cloud).code == 0
        ours = gs("config", "show", "--json").json["installation"]
        status = gs("status", "--json").json["status"]
        assert status["installation"] == ours
        quiet = gs("watchdog", "--installation", ours, "--quiet")
        assert quiet == (0, "", ""), "a daemon at work leaves nothing to do"

        os.kill(status["pid"], signal.SIGKILL)
        assert gs("sandbox", "advance", "14h").code == 0
        looked = gs("watchdog", "--installation", ours, "--dry-run", "--json")
        assert looked.code == 8 and [row["is_overdue"] for row in looked.json["instances"]] == [True, True]
        assert gs("watchdog", "--installation", ID, "--quiet") == (0, "", ""), "another installation's"

        done = gs("watchdog", "--installation", ours, "--json")
        assert done.code == 9 and done.json["ended"] == 2 and done.json["unavailable"] == {}
        assert "tensordock: the cloud has no narrower keys; this needs your full account key" in done.err
        states = [row["state"] for row in gs("sandbox", "ledger", "--json").json["instances"]]
        assert states == ["gone", "gone"]
        assert gs("watchdog", "--installation", ours).code == 0
        assert not (home / "sandbox" / "run" / "daemon.sock").exists() or gs("daemon", "status").code != 0
    finally:
        gs("sandbox", "stop")
