"""The periodic jobs: APScheduler with the settings that survive sleep, bursts and clock changes (F58-F60, D10.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from gpushopper.clock import Clock
from gpushopper.core.moment import us
from gpushopper.core.policy import Policy

LIFECYCLE_SHARE = 60
"""The clock rules run this many times per steady look: every 5 s by the real policy."""
QUICKEST_S = 0.5
JITTER_SHARE = 0.1
LATE_PERIODS = 3
LATE_AT_LEAST_S = 15

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do every `every_s` seconds, up to `jitter_s` sooner or later."""

    name: str
    run: Callable[[], object]
    every_s: float
    jitter_s: float = 0


def lifecycle_every_s(policy: Policy) -> float:
    """How often the clock rules run under this policy."""
    return max(QUICKEST_S, policy.steady_look_s / LIFECYCLE_SHARE)


def reconciliation_jitter_s(policy: Policy) -> float:
    """Spread, so that many installations do not call a provider at the same second."""
    return policy.steady_look_s * JITTER_SHARE


class Schedule:
    """The jobs of one daemon. Jobs wake lanes or touch the database; they never act on a provider themselves."""

    def __init__(self, jobs: list[Job], clock: Clock) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, int] = {}
        self._last_boot: dict[str, int] = {job.name: clock.now().boot for job in jobs}
        # An executor of its own for each job: one that hangs delays no other (I17).
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            daemon=True,
            executors={job.name: ThreadPoolExecutor(1) for job in jobs},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Start all jobs; each first runs after its own period."""
        for job in self._jobs.values():
            self._scheduler.add_job(self._run, self._trigger(job), args=[job], id=job.name, executor=job.name)
        self._scheduler.start()

    def reset(self) -> None:
        """After sleep or a clock jump: count every job's periods from now (F59, F60).

        Without this a long jump makes the library count through every missed time, and a clock set back stops it: a
        trigger remembers when it was made, so each job gets a new one.
        """
        now = self._clock.now().boot
        with self._lock:
            self._last_boot = dict.fromkeys(self._last_boot, now)
        for job in self._scheduler.get_jobs():
            job.reschedule(self._trigger(self._jobs[job.id]))
        self._scheduler.wakeup()

    def stop(self) -> None:
        """Start no further run; one under way is not waited for."""
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
            return [
                name
                for name, at in self._last_boot.items()
                if now - at > us(max(LATE_AT_LEAST_S, LATE_PERIODS * self._jobs[name].every_s))
            ]

    def _trigger(self, job: Job) -> IntervalTrigger:
        return IntervalTrigger(seconds=job.every_s, jitter=job.jitter_s or None, timezone=UTC)

    def _run(self, job: Job) -> None:
        try:
            job.run()
        except Exception as error:  # noqa: BLE001 - a job that fails once must run again, and delay no other (F54)
            _log.error("job failed", job=job.name, exc_info=error)
            return
        now = self._clock.now()
        with self._lock:
            self._last[job.name] = now.wall
            self._last_boot[job.name] = now.boot
