"""Sums are the same to the micro-dollar before and after a compaction, however they are grouped (I14, I26)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gpushopper.core.spending.window import Window
from gpushopper.core.timing.periods import PeriodKind, periods_over
from gpushopper.engine.records.compaction_job import run_compaction
from gpushopper.engine.requests.queries.money.cost_question import GROUPS
from gpushopper.engine.rollup_job import rebuild, run_rollups
from gpushopper.store import ledger
from gpushopper.store.money import rollups
from tests.engine.test_costs import BERLIN, DAY, KOLKATA, Books
from tests.store.samples import raw

AUCKLAND = ZoneInfo("Pacific/Auckland")
END = """UPDATE sessions SET desired_state = 'terminated', version = version + 1,
    ended_at = (SELECT closed_at FROM attempts WHERE session_id = sessions.id)"""


@pytest.fixture(params=[BERLIN, KOLKATA], ids=["Berlin", "Kolkata"])
def books(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Books]:
    """Twenty-four sessions of forty days, all ended, half a year later."""
    made = Books(tmp_path)
    made.ctx.zone = request.param
    raw(made.store, END)
    made.world.clock.t += 181 * DAY
    yield made
    made.world.close()


def asked(books: Books, by: tuple[str, ...] = GROUPS) -> list[dict[str, Any]]:
    """Costs of every grouping, over all and over each month and day."""
    zone, end = books.ctx.zone, books.now
    whole = [
        Window(each.start_at, each.end_at) for kind in PeriodKind for each in periods_over(kind, books.first, end, zone)
    ]
    found = [books.ask(group, window) for group in by for window in (None, *whole)]
    found += [books.ask("day", tag="paper"), books.ask("day", consumer="ann"), books.ask("month", ref="s3")]
    return [{**asdict(each), "now": 0} for each in found]


def test_every_sum_stays_to_the_micro_dollar(books: Books):
    run_rollups(books.ctx)
    before, entries = asked(books), len(raw(books.store, "SELECT id FROM ledger"))
    rolled = rollups.rows_of(books.store)
    assert run_compaction(books.ctx, is_clock_proven=True) == 24
    assert asked(books) == before
    assert len(raw(books.store, "SELECT id FROM ledger")) < entries / 2
    assert rollups.rows_of(books.store) == rolled
    assert rebuild(books.ctx)[1], "rollups that are made anew are the same"
    assert run_compaction(books.ctx, is_clock_proven=True) == 0, "each once"


def test_what_is_compacted_counts_as_rolled_up(books: Books):
    """The newest entry may be under an older id afterwards: the next session must be compacted, too."""
    with books.store.transaction():
        ledger.insert_entries(books.store, [replace(books.entries[0], micros=7) for _ in range(3)])
    run_rollups(books.ctx)
    raw(books.store, "UPDATE sessions SET ended_at = ? WHERE id = 's1'", books.ctx.clock.now().wall - 179 * DAY)
    assert run_compaction(books.ctx, is_clock_proven=True) == 23
    assert rollups.is_done(books.store, books.ctx.zone)
    books.world.clock.t += 3 * DAY
    assert run_compaction(books.ctx, is_clock_proven=True) == 1


def test_in_another_zone_the_whole_stays(books: Books):
    run_rollups(books.ctx)
    before = [books.ask(by).accrued for by in GROUPS]
    totals = ledger.totals_by_attempt(books.store)
    run_compaction(books.ctx, is_clock_proven=True)
    books.ctx.zone = AUCKLAND
    run_rollups(books.ctx)
    assert [books.ask(by).accrued for by in GROUPS] == before
    assert ledger.totals_by_attempt(books.store) == totals
    assert sum(group.accrued for group in books.ask("day").groups) == before[0]


def test_nothing_is_compacted_by_a_wrong_clock_or_before_it_is_rolled_up(books: Books):
    assert run_compaction(books.ctx, is_clock_proven=True) == 0
    run_rollups(books.ctx)
    assert run_compaction(books.ctx, is_clock_proven=False) == 0
    assert run_compaction(books.ctx, is_clock_proven=True) == 24
