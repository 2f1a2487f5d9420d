"""Periodic jobs: on time after a clock jump, undisturbed by one that fails or hangs (F54, F58-F60, I17)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from gpushopper.clock import SystemClock
from gpushopper.core.policy import DRILL, PAPER, REAL
from gpushopper.core.timing.clock_snapshot import SECOND, ClockSnapshot
from gpushopper.daemon.periodic_jobs import Job, Schedule, lifecycle_every_s, reconciliation_jitter_s

Build = Callable[..., Schedule]


@pytest.fixture
def build() -> Iterator[Build]:
    structlog.configure([structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory())
    built: list[Schedule] = []

    def make(*jobs: Job, clock: Any = None) -> Schedule:
        schedule = Schedule(list(jobs), clock or SystemClock())
        schedule.start()
        built.append(schedule)
        return schedule

    yield make
    for schedule in built:
        schedule.stop()
    structlog.reset_defaults()


def test_job_intervals_come_from_the_policy():
    assert [lifecycle_every_s(policy) for policy in (REAL, PAPER, DRILL)] == [5, 5, 0.5]
    assert (REAL.steady_poll_s, reconciliation_jitter_s(REAL)) == (300, 30)


def test_a_job_runs_again_and_records_its_runs(build: Build, wait_until):
    ran = threading.Semaphore(0)
    schedule = build(Job("quick", ran.release, 0.05))
    assert schedule.last_runs == {}
    for _ in range(3):
        assert ran.acquire(timeout=60)
    wait_until(lambda: "quick" in schedule.last_runs)
    assert schedule.late() == []


def test_a_failed_job_runs_again_and_a_hanging_one_delays_no_other(build: Build):
    failed, ran, leave = threading.Semaphore(0), threading.Semaphore(0), threading.Event()

    def fail() -> None:
        failed.release()
        raise ValueError

    # It hangs for longer than is waited for the others: they must not wait for it.
    schedule = build(Job("failing", fail, 0.05), Job("hanging", leave.wait, 0.05), Job("good", ran.release, 0.05))
    try:
        for _ in range(3):
            assert failed.acquire(timeout=60)
            assert ran.acquire(timeout=60)
        assert "failing" not in schedule.last_runs and "hanging" not in schedule.last_runs
    finally:
        leave.set()


class HandClock:
    wall = boot = 0

    def now(self) -> ClockSnapshot:
        return ClockSnapshot(self.wall, self.boot, "boot")

    def monotonic(self) -> float:
        return 0.0


def test_a_job_that_does_not_run_is_late_by_the_boot_clock(build: Build):
    clock = HandClock()
    schedule = build(Job("lifecycle", lambda: None, 3600), Job("rare", lambda: None, 7200), clock=clock)
    clock.boot = 3 * 3600 * SECOND
    assert schedule.late() == []
    clock.boot += SECOND
    assert schedule.late() == ["lifecycle"]


def test_a_reset_counts_every_period_from_now(build: Build):
    ran = threading.Semaphore(0)
    schedule = build(Job("quick", ran.release, 0.3))
    for job in schedule._scheduler.get_jobs():
        # As after a clock set back by a day: the next round is a day ahead.
        job.modify(next_run_time=job.next_run_time.replace(year=2099))
    assert not ran.acquire(timeout=0.6)
    schedule.reset()
    assert ran.acquire(timeout=60)
