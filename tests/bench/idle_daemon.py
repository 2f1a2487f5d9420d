"""What a daemon takes that has nothing to do: memory, processor and file growth over real minutes and a simulated day.

python -m tests.bench.idle_daemon [MINUTES]
"""

from __future__ import annotations

import gc
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.daemon.audit_log.writer import AuditLog
from gpushopper.engine.records.compaction_job import run_compaction
from gpushopper.engine.rollup_job import run_rollups
from tests.bench.real_daemon import TICKS, cpu_ticks, resident_mb
from tests.bench.report import Row, table
from tests.sandbox_home import SandboxHome
from tests.sim.world import World

KB = 1024
SETTLE_S = 30
"""After its start: accounts are listed, a backup is made."""
OWN = ("market", "names")
"""Of the simulated clouds, and a file that is written anew."""


def size(home: Path) -> int:
    """Bytes of all that the daemon keeps."""
    files = (path for path in home.rglob("*") if path.is_file() and path.relative_to(home).parts[0] not in OWN)
    return sum(path.stat().st_size for path in files)


def real_minutes(minutes: float) -> Iterator[Row]:
    """A daemon with real times and two accounts, nothing rented, and then as long with one session."""
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    sandbox, pause = SandboxHome(top), threading.Event()
    try:
        sandbox.start(7)
        config = sandbox.home / "config.toml"
        config.write_text(config.read_text().replace('"drill"', '"paper"'))
        sandbox.must("daemon", "start")
        for what in ("nothing rented", "one session"):
            if what == "one session":
                sandbox.must("provision", "--gpu", "RTX 4090", "--for", "3h", "--yes", "--name", "idle")
            pause.wait(SETTLE_S)
            pid = sandbox.daemon_pid()
            cpu, memory, files = cpu_ticks(pid), resident_mb(pid), size(sandbox.home)
            pause.wait(minutes * 60)
            share = (cpu_ticks(pid) - cpu) / TICKS / (minutes * 60) * 100
            detail = f"over {minutes:g} min, {what}"
            yield Row("idle: memory", resident_mb(pid), "MB", 100, f"{detail}; {memory:.1f} MB before")
            yield Row("idle: share of a core", share, "%", 0.5, detail)
            yield Row("idle: files", (size(sandbox.home) - files) / KB, "KB", 64, detail)
    finally:
        sandbox.end()
        shutil.rmtree(top, ignore_errors=True)


def living(world: World) -> int:
    """How many objects there are, without the requests that the simulation remembers."""
    world.executor.transport.sent.clear()
    gc.collect()
    return len(gc.get_objects())


def simulated_day() -> Iterator[Row]:
    """Twenty-four simulated hours by the real policy, nothing rented, with the jobs of each hour, after a first one."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), policy=REAL).start().ready()
        log = AuditLog(world.engine.ctx)
        for hour in range(25):
            world.run_for(HOUR / us(1))
            run_rollups(world.engine.ctx)
            run_compaction(world.engine.ctx, is_clock_proven=True)
            log.step()
            if hour == 0:
                objects, files = living(world), size(world.home.data)
        yield Row("idle day: files", (size(world.home.data) - files) / KB, "KB", 64, "24 simulated hours")
        yield Row("idle day: objects", living(world) - objects, "more", 500, "24 simulated hours")
        world.kill()


if __name__ == "__main__":
    rows = [*simulated_day(), *real_minutes(float(sys.argv[1]) if len(sys.argv) > 1 else 10)]
    print(table(rows))
    raise SystemExit(0 if all(row.holds for row in rows) else 1)
