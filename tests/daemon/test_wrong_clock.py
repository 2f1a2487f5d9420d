"""A real daemon whose system clock is moved while it runs: its jobs go on (F58-F60, S34)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gpushopper.core.timing.clock_snapshot import SECOND
from tests.daemon.conftest import Running
from tests.needs import find, needs

HOUR_S = 3600
JOBS = ("lifecycle", "reconciliation")
LIMIT_S = 60
TRIES = 8

pytestmark = [pytest.mark.proofs, needs("libfaketime")]


@pytest.fixture
def moved(home: Path, start: Callable[..., Running], wait_until: Callable[..., None]):
    """A daemon, and a way to set its wall clock some seconds off."""
    home.mkdir()
    # The library puts the offset of its file on the wall clock alone: monotonic and boot time stay true.
    offset = home / "offset"
    offset.write_text("+0")
    (home / "config.toml").write_text('[policy]\nname = "drill"\n[providers.vast]\nenabled = false\n')
    shim = {
        "LD_PRELOAD": str(find("libfaketime")), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    running = started(start, shim)
    wait_until(lambda: set(JOBS) <= set(last_runs(running)), timeout_s=LIMIT_S)

    def move(seconds: int) -> Running:
        new = offset.with_name("new")
        new.write_text(f"{seconds:+d}")
        os.replace(new, offset)
        return running

    return move


def started(start: Callable[..., Running], shim: dict[str, str]) -> Running:
    """A daemon under the library, which refuses a nap with EINVAL: the web server takes one while it starts, when its
    threads are slow to come up."""
    for _ in range(TRIES):
        try:
            return start(from_nothing=True, **shim)
        except AssertionError as error:
            if "Invalid argument" not in str(error):
                raise
    pytest.fail(f"the library let {TRIES} starts fail")


def ask(running: Running, path: str) -> Any:
    """An answer; a connection that is open while the clock jumps counts as old and may be closed: ask again."""
    while True:
        with suppress(ConnectionError):
            return running.ask("GET", path).json


def last_runs(running: Running) -> dict[str, int]:
    return ask(running, "/api/v1/status")["jobs"]


@pytest.mark.parametrize("seconds", [-24 * HOUR_S, 8 * HOUR_S, 5 * 365 * 24 * HOUR_S])
def test_every_job_goes_on_after_a_clock_jump(moved, wait_until: Callable[..., None], seconds: int):
    running = moved(seconds)
    there = time.time_ns() // 1000 + seconds * SECOND
    wait_until(lambda: abs(ask(running, "/health")["now"] - there) < 120 * SECOND, timeout_s=LIMIT_S)

    def all_ran() -> bool:
        runs = last_runs(running)
        return all(there - SECOND <= runs[job] < there + 2 * LIMIT_S * SECOND for job in JOBS)

    wait_until(all_ran, timeout_s=LIMIT_S)
    assert ask(running, "/health")["problems"] == []
