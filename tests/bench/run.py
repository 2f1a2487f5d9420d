"""`make bench`: measure the speeds we hold ourselves to; exit 1 when a limit is missed.

Needs about five minutes: the market's gap between creates is five seconds, as in life. `--quick` is for trying it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import live_instances, real_daemon, records_growth, rules, simulated_sessions
from tests.bench.report import Row, table
from tests.sandbox_home import SandboxHome

WATCHERS = 50
LIVE_S = 120
LEAKS = ("GPU_SHOPPER_", "XDG_", "VAST", "PYTHONDONTWRITEBYTECODE")
"""What no command may see; with the last, each would compile what it imports."""


def main() -> int:
    """Measure, print the table, judge."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, few sessions: the figures are rough")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of the whole commands (default 15)")
    parser.add_argument("--live", type=int, default=0, metavar="N", help="also N live instances, some 8 minutes")
    asked = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(LEAKS) or name.endswith("_API_KEY")]:
        del os.environ[name]
    began = time.monotonic()
    rows = list(measure(asked.quick, asked.rounds or (5 if asked.quick else 15)))
    if asked.live:
        rows += measure_live(asked.live)
    missed = [row.what for row in rows if not row.holds]
    print(f"\n{table(rows)}\n")
    print(f"{time.monotonic() - began:.0f} s, Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load()}")
    print(f"missed: {', '.join(missed)}" if missed else "every limit holds")
    return 1 if missed else 0


def measure_live(many: int) -> list[Row]:
    note(f"{many} live instances, watched for two minutes twice")
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    sandbox = SandboxHome(top)
    try:
        return list(live_instances.measure_live(sandbox, many, LIVE_S))
    finally:
        sandbox.end()
        shutil.rmtree(top, ignore_errors=True)


def load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def measure(quick: bool, rounds: int) -> Iterator[Row]:
    many = 4 if quick else 20
    note("rules over values")
    yield from rules.measure_search(rounds)
    yield from rules.measure_inventory(rounds)
    yield from rules.measure_passes(rounds)
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    sandbox = SandboxHome(top)
    try:
        alive = real_daemon.SandboxBench.start(sandbox)
        note(f"renting {many} in a sandbox, five seconds each")
        alive.rent(many)
        yield alive.measure_ready()
        note(f"whole commands, {rounds} rounds in turns")
        yield from alive.commands(rounds, many)
        note("an idle daemon")
        yield from alive.idle(5 if quick else 20)
        yield alive.truth(many)
        note(f"{WATCHERS} watchers")
        yield from alive.watched(2 if quick else 10, WATCHERS)
    finally:
        sandbox.end()
        shutil.rmtree(top, ignore_errors=True)
    note("a hundred sessions on simulated time")
    yield from simulated_sessions.measure_fleet(20 if quick else 100)
    if not quick:
        note("half a year of records")
        yield from records_growth.measure(6)


def note(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
