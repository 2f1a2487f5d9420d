"""Sleep and clock jumps are detected, and the clock rules run first (F58-F61)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gpushopper.core.timing.clock_snapshot import SECOND, ClockSnapshot
from gpushopper.daemon.sleep_detection import ClockReading, SleepDetector, describe_gap
from tests.daemon.conftest import Running

HOUR_S = 3600


def reading(wall_s: float, boot_s: float, awake_s: float) -> ClockReading:
    return ClockReading(ClockSnapshot(round(wall_s * SECOND), round(boot_s * SECOND), "boot"), awake_s)


@pytest.mark.parametrize(
    ("wall_s", "boot_s", "awake_s", "word"),
    [
        (1, 1, 1, ""),
        (1.5, 1, 1, ""),
        (0.5, 1, 1, ""),
        (25, 25, 25, ""),
        (8 * HOUR_S, 8 * HOUR_S, 1, "slept"),
        (32, 32, 1, "slept"),
        (1, 8 * HOUR_S, 1, "slept"),
        (8 * HOUR_S, 1, 1, "set forward"),
        (-2, 1, 1, "set back"),
        (-HOUR_S, 1, 1, "set back"),
        (-HOUR_S, 8 * HOUR_S, 1, "set back"),
        (60, 60, 60, "stood still"),
    ],
)
def test_sleep_and_clock_jumps_are_told_from_two_readings(wall_s: float, boot_s: float, awake_s: float, word: str):
    found = describe_gap(reading(1000, 100, 10), reading(1000 + wall_s, 100 + boot_s, 10 + awake_s))
    assert word in found and bool(found) == bool(word)


class HandClock:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.wall = self.boot = self.awake = 0.0

    def now(self) -> ClockSnapshot:
        return reading(self.wall, self.boot, 0).snapshot

    def monotonic(self) -> float:
        return self.awake


def test_each_gap_is_reported_once():
    clock, heard = HandClock(), []
    watch = SleepDetector(clock, heard.append)
    for wall, boot, awake in [(1, 1, 1), (HOUR_S, HOUR_S, 1), (1, 1, 1), (-HOUR_S, 1, 1), (1, 1, 1)]:
        clock.wall, clock.boot, clock.awake = clock.wall + wall, clock.boot + boot, clock.awake + awake
        watch.step()
    assert [moment.wall for moment in heard] == [(1 + HOUR_S) * SECOND, 2 * SECOND]


def test_a_sandbox_clock_that_moves_is_sleep_to_the_daemon(home: Path, start: Callable[..., Running], wait_until):
    start_drill = '[policy]\nname = "drill"\n[providers.vast]\nenabled = false\n'
    home.mkdir()
    (home / "config.toml").write_text(start_drill)
    running = start()
    offset: Path = running.home.clock_offset
    offset.parent.mkdir()
    before = running.ask("GET", "/health").json["now"]
    new = offset.with_name("new")
    new.write_text(str(8 * HOUR_S * SECOND))
    new.replace(offset)
    wait_until(lambda: any(line["event"] == "resumed" for line in running.log()), timeout_s=15)
    assert running.ask("GET", "/health").json["now"] - before >= 8 * HOUR_S * SECOND
    wait_until(lambda: "lifecycle" in running.ask("GET", "/api/v1/status").json["jobs"], timeout_s=60)
    assert running.ask("GET", "/health").json["problems"] == []
