"""Scheduler of the daemon's periodic jobs, robust against sleep and clock jumps; which are late (F58-F60, D10.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from gpushopper.clock import Clock
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import ShopperError

LIFECYCLE_SHARE = 60
"""The clock rules run this many times per steady poll interval: every 5 s by the real policy."""
MIN_LIFECYCLE_INTERVAL_S = 0.5
JITTER_SHARE = 0.1
LATE_PERIODS = 3
LATE_AT_LEAST_S = 15

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A function to run every `every_s` seconds, up to `jitter_s` sooner or later."""

    name: str
    run: Callable[[], object]
    every_s: float
    jitter_s: float = 0


class Every(BaseTrigger):  # type: ignore[misc]
    """A period counted from the run before, or from now when that one is long past.

    The library's interval trigger computes every missed time one by one: after a clock set forward by years that
    takes minutes and gigabytes, before `reset` can be called (F59).
    """

    def __init__(self, job: Job) -> None:
        self._period = timedelta(seconds=job.every_s)
        self._jitter = job.jitter_s or None

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The next time, after `now` unless the period since the run before is not over."""
        is_late = previous_fire_time is None or previous_fire_time + self._period <= now
        since = now if previous_fire_time is None or is_late else previous_fire_time
        return self._apply_jitter(since + self._period, self._jitter, now)  # type: ignore[no-any-return]


def lifecycle_every_s(policy: Policy) -> float:
    """How often the clock rules run under this policy."""
    return max(MIN_LIFECYCLE_INTERVAL_S, policy.steady_poll_s / LIFECYCLE_SHARE)


def reconciliation_jitter_s(policy: Policy) -> float:
    """Jitter, so that many installations do not poll a provider in the same second."""
    return policy.steady_poll_s * JITTER_SHARE


def _patience_s(job: Job) -> float:
    return max(LATE_AT_LEAST_S, LATE_PERIODS * job.every_s)


class Schedule:
    """The jobs of one daemon. Jobs notify reconcilers or touch the database; they never call a provider themselves."""

    def __init__(self, jobs: list[Job], clock: Clock) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, int] = {}
        self._last_boot: dict[str, int] = {job.name: clock.now().boot for job in jobs}
        self._ended_boot = dict(self._last_boot)
        # A separate executor for each job: one that hangs delays no other (I17).
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            daemon=True,
            executors={job.name: ThreadPoolExecutor(1) for job in jobs},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Start all jobs; each first runs after its own period."""
        for job in self._jobs.values():
            self._scheduler.add_job(self._run, Every(job), args=[job], id=job.name, executor=job.name)
        self._scheduler.start()

    def reset(self) -> None:
        """After sleep or a clock jump: count every job's periods from now (F59, F60).

        Without this a clock set back stops the jobs until it has caught up.
        """
        now = self._clock.now().boot
        with self._lock:
            self._last_boot = dict.fromkeys(self._last_boot, now)
            self._ended_boot = dict(self._last_boot)
        for job in self._scheduler.get_jobs():
            job.reschedule(Every(self._jobs[job.id]))
        self._scheduler.wakeup()

    def stop(self) -> None:
        """Start no further run; a running one is not waited for."""
        self._scheduler.shutdown(wait=False)

    @property
    def last_runs(self) -> Mapping[str, int]:
        """When each job last ran to its end, in wall µs."""
        with self._lock:
            return dict(self._last)

    def late(self) -> list[str]:
        """Jobs that have not run for several of their periods, by the boot clock (I17)."""
        now = self._clock.now().boot
        with self._lock:
            return [name for name, at in self._last_boot.items() if now - at > us(_patience_s(self._jobs[name]))]

    def ages(self) -> dict[str, float]:
        """How long ago each job last came to an end, or the daemon started, in seconds of the boot clock.

        A job that fails has come to an end, too: it is late, yet its thread does not hang.
        """
        now = self._clock.now().boot
        with self._lock:
            return {name: (now - at) / us(1) for name, at in self._ended_boot.items()}

    def hanging(self) -> list[str]:
        """Jobs that have not come to an end for several of their periods."""
        return [name for name, age in self.ages().items() if age > _patience_s(self._jobs[name])]

    def _run(self, job: Job) -> None:
        try:
            self._run_logged(job)
        finally:
            with self._lock:
                self._ended_boot[job.name] = self._clock.now().boot

    def _run_logged(self, job: Job) -> None:
        try:
            job.run()
        except ShopperError as error:
            _log.error("job failed", job=job.name, error=error.message)  # a full disk, say: tried again next time
            return
        except Exception as error:  # noqa: BLE001 - a job that fails must run again, and delay no other (F54)
            _log.error("job failed", job=job.name, exc_info=error)
            return
        now = self._clock.now()
        with self._lock:
            self._last[job.name] = now.wall
            self._last_boot[job.name] = now.boot
