"""`daemon purge` as a person meets it: it asks, lists, refuses while a session is open, and says what stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.paths import find_home
from tests.cli.in_process import Inside
from tests.test_client import Peer, reply


@pytest.fixture
def gs(home: Path) -> Inside:
    home.mkdir()
    (home / "config.toml").write_text("[keys]\nkeyring = false\n")
    return Inside(home)


def test_it_asks_and_without_a_terminal_needs_yes(gs: Inside):
    assert gs("daemon", "purge").code == 2
    ran = gs("daemon", "purge", answer="n\n")
    assert ran.code == 1 and "There is no way back." in ran.err and "Nothing was removed." in ran.err
    assert find_home().config_file.exists()


def test_a_dry_run_lists_and_removes_nothing(gs: Inside):
    ran = gs("daemon", "purge", "--dry-run")
    assert (ran.code, ran.out) == (0, f"{find_home().config_file}\n")
    assert "Nothing was removed." in ran.err and find_home().config_file.exists()


def test_a_home_without_records_goes_as_a_whole(gs: Inside):
    ran = gs("daemon", "purge", "--yes", "--i-checked-the-console")
    assert ran.code == 0, ran.err
    assert f"removed: {find_home().config_file}\n" in ran.out and not gs.home.exists()
    assert "a line in ~/.ssh/config" in ran.err


def test_an_open_session_is_seen_before_the_daemon_is_stopped(gs: Inside):
    peer = Peer(find_home().socket)
    peer.scripts = [reply({"ok": True}), reply({"sessions": [{"name": "train"}]})]
    try:
        ran = gs("daemon", "purge", "--yes")
    finally:
        peer.close()
    assert ran.code == 6 and "may still bill: train" in ran.err and "shutdown --all" in ran.err
    assert not any(b"/stop" in request for request in peer.requests)


def test_a_sandbox_that_runs_keeps_the_home(gs: Inside):
    peer = Peer(gs.home / "sandbox" / "market" / "control.sock")
    peer.scripts = [reply({"schema": 1})]
    try:
        ran = gs("daemon", "purge", "--yes")
    finally:
        peer.close()
    assert ran.code == 6 and "the sandbox runs" in ran.err and "sandbox stop" in ran.err


def test_the_sandbox_is_not_purged(gs: Inside):
    assert gs("--sandbox", "daemon", "purge", "--yes").code == 2
