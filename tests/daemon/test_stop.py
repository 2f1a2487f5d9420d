"""Ending: a signal is kill -9 plus a clean log, and nothing rented is touched (I19, F39)."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper.cli.process.daemon_process import STOP_LIMIT_S
from gpushopper.daemon.lock import Holder, HomeLock
from gpushopper.daemon.stop_report import describe_open_session, report_open_sessions
from gpushopper.daemon.stop_signal import StopSignal
from gpushopper.wire import SessionView
from tests.daemon.conftest import Running

Starting = Callable[..., Running]

SESSION = SessionView(
    id="s", name="train", consumer="me", status="running", health="ok", end_stage="", reason="", provider="vast",
    gpu="RTX 4090", gpu_count=1, rate=400_000, created_at=0, deadline_at=1_700_000_000_000_000, hard_max_at=None,
    ready_at=1, ended_at=None, accrued=0, max_cost=0, guard_state="none", guards="D", image="i", disk_gb=20,
    ssh_host=None, ssh_port=None, heartbeat_at=None, guard_deadline_at=None, waiting_for="", waiting_until=None,
    attempts=[],
)  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_quickly(start: Starting, number: int):
    running = start()
    before = time.monotonic()
    status, said = running.end(number)
    assert time.monotonic() - before < 5
    assert status == 0
    assert said == "stopped; nothing is rented\n"
    assert not running.home.socket.exists()
    HomeLock.take(running.home, Holder(os.getpid(), 0, "0")).release()
    assert [line["event"] for line in running.log()][-1] == "stopped"


def test_a_request_ends_it(start: Starting):
    running = start()
    assert running.ask("POST", "/api/v1/stop", {}).json == {"stopping": True, "pid": running.process.pid}
    # The command that asks for it waits no longer, and says that it did not stop.
    assert running.process.wait(timeout=STOP_LIMIT_S) == 0


@pytest.mark.proofs
def test_after_a_kill_the_books_are_whole_and_the_next_start_goes_on(start: Starting):
    first = start()
    before = first.ask("GET", "/api/v1/status").json
    first.end(signal.SIGKILL)
    with sqlite3.connect(first.home.database) as database:
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
    database.close()
    after = start().ask("GET", "/api/v1/status").json
    assert after["installation"] == before["installation"]
    assert after["pid"] != before["pid"]


def test_a_terminal_that_has_gone_does_not_stop_the_daemon_from_ending(start: Starting):
    running = start()
    assert running.process.stderr is not None
    running.process.stderr.close()
    running.process.stderr = None
    assert running.end()[0] == 0


def test_the_stop_report_names_what_may_bill_and_what_enforces_its_deadline():
    said: list[str] = []
    guarded = replace(SESSION, name="safe", guards="D+I", guard_deadline_at=SESSION.deadline_at, guard_in_sync=True)
    unconfirmed = describe_open_session(replace(guarded, guard_in_sync=False))
    assert "has not confirmed it yet and ends the instance at 2023-11-1" in unconfirmed
    report_open_sessions([SESSION, guarded], said.append)
    assert "train" in said[0] and "vast RTX 4090" in said[0] and "2023-11-1" in said[0]
    assert said[0].endswith("nothing until a daemon runs again; by hand: https://cloud.vast.ai/instances/")
    assert said[1].endswith("enforced by its guard")
    assert said[2] == "stopped; nothing was ended"
    assert "no deadline" in describe_open_session(replace(SESSION, deadline_at=None))


def test_the_first_reason_decides_and_a_flood_of_reasons_is_harmless():
    stop = StopSignal()
    stop.fail()
    for _ in range(100_000):
        stop.request()
    assert stop.wait() == 1
    assert stop.wait() == 0


def test_a_signal_that_another_thread_gets_is_heard():
    """The system may choose any thread; the one that waits must wake all the same."""
    script = """
import signal, threading
from gpushopper.daemon.stop_signal import StopSignal
stop = StopSignal()
stop.watch_signals()
readiness_checks = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
threading.Timer(0.5, readiness_checks).start()
raise SystemExit(stop.wait())
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=30, check=False).returncode == 0


@pytest.mark.proofs
def test_no_secret_is_left_anywhere(home: Path, start: Starting):
    canary = "c4n4ry0123456789abcdef"
    home.mkdir()
    (home / "config.toml").write_text('[providers.vast]\nendpoint = "http://127.0.0.1:9"\n')
    running = start(VAST_API_KEY=canary, VASTAI_API_KEY=f"{canary}-second")
    for path in ("status", "providers", "audit", "sessions/x"):
        assert canary not in str(running.ask("GET", f"/api/v1/{path}", timeout_s=60).json)
    running.ask("POST", "/api/v1/keys/reload", {})
    command = Path(f"/proc/{running.process.pid}/cmdline").read_bytes()
    _, said = running.end()
    assert canary.encode() not in command and canary not in said
    left = [path for path in home.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]
    assert left == []
    assert any("VASTAI_API_KEY" in str(line) for line in running.log())
