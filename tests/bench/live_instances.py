"""Many live instances with real times: what the daemon, its ssh connections and its database cost for each.

Two hundred instances may take 15 % of a core and 400 MB, connections included, and each 1 MB of database a day. One
computer does not contain two hundred: a smaller fleet is measured twice, and what a further instance adds is what
grows. The daemon's CPU time includes that of the ssh commands that it has started and waited for. Memory is
proportional (PSS): what ssh processes share counts once; 1.35 MB of each is its own, whatever its options (OpenSSH
9.2): a third of that are addresses in its libraries, which the loader writes, and a fifth its input buffer.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.real_daemon import GPUS, TICKS, WIDE_LIMITS, until
from tests.bench.report import Row
from tests.sandbox_home import SandboxHome

FLEET = 200
CORE_PERCENT, MEMORY_MB, DATABASE_MB = 15, 400, 1
DAY_S, HEARTBEAT_S = 86_400, 30
COPIES = 200
"""How often the stored heartbeats are repeated in a copy of the database, to see what one takes."""
KINDS = (*GPUS, "RTX 3060", "RTX 3080", "RTX A4000", "RTX 5090")


class Cost(NamedTuple):
    """What is used with so many instances; `connections_mb` are the ssh processes that stay."""

    instances: int
    core_percent: float
    daemon_mb: float
    connections_mb: float


def measure_live(sandbox: SandboxHome, many: int, seconds: float) -> Iterator[Row]:
    """Rent `many`, let the daemon watch half of them and then all, and compare."""
    sandbox.start(7, "--live", config=WIDE_LIMITS)
    config = sandbox.home / "config.toml"
    config.write_text(config.read_text().replace('"drill-live"', '"real"'))
    rent(sandbox, many // 2)
    few = measure(sandbox, seconds)
    rent(sandbox, many)
    before = heartbeats(sandbox)
    cost = measure(sandbox, seconds)
    size = bytes_a_heartbeat(sandbox)
    beats = (heartbeats(sandbox) - before) * HEARTBEAT_S / seconds / many
    yield from rows(few, cost)
    detail = f"{size:.0f} bytes a heartbeat; {beats:.2f} of those due came; then one a minute, for 30 days"
    yield Row("database, for an instance and day", size * DAY_S / HEARTBEAT_S / 1e6, "MB", DATABASE_MB, detail)


def rows(few: Cost, many: Cost) -> Iterator[Row]:
    """Per instance, and for two hundred of them."""
    more = many.instances - few.instances
    core = (many.core_percent - few.core_percent) / more
    daemon = (many.daemon_mb - few.daemon_mb) / more
    connection = (many.connections_mb - few.connections_mb) / more
    rest = FLEET - many.instances
    memory = many.daemon_mb + many.connections_mb + (daemon + connection) * rest
    yield Row(
        f"{FLEET} live instances, share of a core", many.core_percent + core * rest, "%", CORE_PERCENT,
        f"{few.core_percent:.2f} % with {few.instances}, {many.core_percent:.2f} % with {many.instances}",
    )  # fmt: skip
    yield Row(
        f"{FLEET} live instances, memory", memory, "MB", MEMORY_MB,
        f"daemon {few.daemon_mb:.0f} MB with {few.instances}, {many.daemon_mb:.0f} MB with {many.instances};"
        f" {connection:.1f} MB for a further connection",
    )  # fmt: skip


def rent(sandbox: SandboxHome, many: int) -> None:
    """Have so many ready and watched; Vast's gap between creates makes it five seconds each."""
    taken, number = set(), len(sandbox.sessions())
    while (short := many - len(ready(sandbox))) > 0:
        for _ in range(short):
            gpu, number = KINDS[number % len(KINDS)], number + 1
            words = ("--gpu", gpu, "--retries", "9", "--yes", "--no-wait", "--idle", "6h", "--name", f"s{number}")
            done = sandbox.run("provision", "--provider", "vast", *words)
            taken |= {gpu} if done.returncode == 7 else set()
            assert done.returncode in (0, 7) and len(taken) < len(KINDS), done.stderr
        until(lambda: not {"pending", "provisioning"} & {row["status"] for row in sandbox.sessions()}, 120 + 15 * short)
    until(lambda: all(row["limits"]["confirmed"] for row in ready(sandbox)), 120)


def ready(sandbox: SandboxHome) -> list[dict[str, Any]]:
    return [row for row in sandbox.sessions() if row["status"] == "running"]


def measure(sandbox: SandboxHome, seconds: float) -> Cost:
    """Look on for some heartbeats, with no request meanwhile."""
    many, pid = len(ready(sandbox)), sandbox.daemon_pid()
    begun = cpu_ticks([pid, *connections(sandbox)])
    threading.Event().wait(seconds)
    still = connections(sandbox)
    share = (cpu_ticks([pid, *still]) - begun) / TICKS / seconds * 100
    return Cost(many, share, share_mb(pid), sum(map(share_mb, still)))


def connections(sandbox: SandboxHome) -> list[int]:
    """The ssh processes that hold this home's shared connections: they have put their socket into their name."""
    sockets = b" " + os.fsencode(sandbox.home / "run" / "c-")
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes() if folder.name.isdecimal() else b""
            if line.startswith(b"ssh:") and sockets in line:
                found.append(int(folder.name))
    return found


def cpu_ticks(pids: list[int]) -> int:
    """User and system time of processes and of the children they have waited for, in clock ticks."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total


def share_mb(pid: int) -> float:
    """Proportional memory: pages that several processes share count once."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def heartbeats(sandbox: SandboxHome) -> int:
    return int(sandbox.read("SELECT COUNT(*) FROM heartbeats")[0][0])


def bytes_a_heartbeat(sandbox: SandboxHome) -> float:
    """What a row and its index entries take, of the file as it is."""
    copy = sandbox.top / "grown.db"
    with closing(sqlite3.connect(f"file:{sandbox.home / 'gpu-shopper.db'}?mode=ro", uri=True)) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy)) as file:
        count, before = file.execute("SELECT COUNT(*) FROM heartbeats").fetchone()[0], copy.stat().st_size
        names = [row[1] for row in file.execute("PRAGMA table_info(heartbeats)")]
        spread = ", ".join("at + n * 30000000" if name == "at" else name for name in names)
        numbers = f"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {COPIES})"
        file.execute(f"{numbers} INSERT INTO heartbeats ({', '.join(names)}) SELECT {spread} FROM heartbeats, t")
        file.commit()
        file.execute("VACUUM")
    return (copy.stat().st_size - before) / (count * COPIES)
