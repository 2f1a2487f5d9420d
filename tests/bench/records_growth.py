"""How the database grows with a session: fresh, without the heartbeats of its month, and compacted.

python -m tests.bench.records_growth [SESSIONS]

Each minute of the session is simulated with the real policy: a heartbeat every half minute, a list every five. What a
session-month is (720 hours of one instance, as many sessions as that takes) follows from it in proportion.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.engine.records.compaction_job import run_compaction
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.store import sessions
from gpushopper.store.instances import heartbeats
from tests.bench.report import Row, table
from tests.sim.world import World

MONTH_HOURS = 720
HOURS = 11.5
"""Of each session."""
KB = 1024
FRESH_KB, THINNED_KB, COMPACTED_KB = 8192, 1024, 512
"""What a session-month may take: in its first day, after its month of heartbeats, and after half a year."""


def size(database: Path) -> int:
    """Bytes of the whole database without free pages."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        with closing(sqlite3.connect(database)) as source:
            source.execute("VACUUM INTO ?", (str(copy),))
        return copy.stat().st_size


def live(world: World, name: str) -> None:
    """One session to its deadline, with the jobs of each hour."""
    ref = world.provision(hours=HOURS, name=name)
    assert world.running(ref)
    for _ in range(int(HOURS)):
        world.run_for(HOUR / us(1))
        run_rollups(world.engine.ctx)
    assert world.ended(ref) and world.run_until(lambda: not sessions.load_attempts(world.store), 7200)


def pass_days(world: World, days: int) -> None:
    """So many days later, with the jobs that are due then."""
    world.sleep(days * 86400)
    world.run_for(30)
    run_rollups(world.engine.ctx)
    for is_left in iter(lambda: _thin(world), False):
        assert is_left


def _thin(world: World) -> bool:
    with world.store.transaction():
        return heartbeats.thin(world.store, world.clock.now().wall)


def measure(count: int) -> Iterator[Row]:
    """A session-month in each of its ages."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), policy=REAL).start().ready()
        empty = size(world.store.path)

        def row(what: str, limit_kb: float) -> Row:
            took = (size(world.store.path) - empty) / KB
            month = took * MONTH_HOURS / (count * HOURS)
            return Row(
                f"session-month, {what}", month, "KB", limit_kb, f"{took / count:.1f} KB each of {count} sessions"
            )

        for number in range(count):
            live(world, f"s{number}")
        yield row("fresh", FRESH_KB)
        pass_days(world, 32)
        yield row("after a month", THINNED_KB)
        pass_days(world, 180)
        assert run_compaction(world.engine.ctx, is_clock_proven=True) == count
        yield row("compacted", COMPACTED_KB)
        world.kill()


if __name__ == "__main__":
    print(table(list(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 12))))
