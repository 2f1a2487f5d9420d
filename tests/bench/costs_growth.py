"""How `costs` grows with the ledger, from a hundred entries to a million.

python -m tests.bench.costs_growth [ENTRIES ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from gpushopper.core.model.attempt import State
from gpushopper.core.spending.ledger import Entry
from gpushopper.core.spending.window import Window
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.store import ledger, sessions
from tests.engine.two_clouds import TwoClouds
from tests.store.samples import OFFER, attempt, session

HOURS_EACH = 100
"""Of each session, with an entry for GPU and disk in each."""
KINDS = ("gpu", "storage")


def fill(world: TwoClouds, entries: int) -> None:
    """So many entries of sessions that have ended, one beginning each hour before now."""
    store, now = world.store, world.ctx.clock.now().wall
    now -= now % HOUR
    count = max(entries // (HOURS_EACH * len(KINDS)), 1)
    hours = max(entries // (count * len(KINDS)), 1)
    for number in range(count):
        start = now - (number % 8000 + hours + 1) * HOUR
        offer = replace(OFFER, gpu=f"GPU {number % 12}")
        one = attempt(f"a{number}", f"s{number}", State.CLOSED, offer=offer, closed_at=start + hours * HOUR)
        with store.transaction():
            who = f"c{number % 20}"
            sessions.insert_session(store, session(f"s{number}", consumer=who, created_at=start, ended_at=start))
            sessions.insert_attempt(store, one)
            rows = [(kind, start + n * HOUR, start + (n + 1) * HOUR) for n in range(hours) for kind in KINDS]
            for begin in range(0, len(rows), 200):
                ledger.insert_entries(store, [Entry(one.id, *row, 1000) for row in rows[begin : begin + 200]])


def measure(entries: int) -> None:
    """Print the processor time of each question, ms: the median of five; other work on the machine does not count."""
    with tempfile.TemporaryDirectory() as folder:
        world = TwoClouds(Path(folder))
        world.ctx.zone = ZoneInfo("Europe/Berlin")
        fill(world, entries)
        began = time.process_time()
        run_rollups(world.ctx)
        rolled = time.process_time() - began
        now = world.ctx.clock.now().wall
        week = Window(now - 7 * 24 * HOUR)
        questions = {
            "session": CostQuestion(), "session, 7 days": CostQuestion(window=week),
            "consumer": CostQuestion(by="consumer"),
            "gpu": CostQuestion(by="gpu"), "day": CostQuestion(by="day"), "month": CostQuestion(by="month"),
            "day, one consumer": CostQuestion(by="day", consumer="c1"),
        }  # fmt: skip
        times = {
            name: round(median(took(world, question) for _ in range(5)), 1) for name, question in questions.items()
        }
        print(f"{entries:>9} entries, rolled up in {rolled:.1f} s, ms: {times}", flush=True)
        world.close()


def took(world: TwoClouds, question: CostQuestion) -> float:
    """Milliseconds of processor time of one answer."""
    began = time.process_time()
    costs(world.ctx, question)
    return (time.process_time() - began) * 1000


if __name__ == "__main__":
    for size in map(int, sys.argv[1:] or ("100", "1000", "10000", "100000", "1000000")):
        measure(size)
