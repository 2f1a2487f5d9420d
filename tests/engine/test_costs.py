"""Costs over a window count what was incurred in it, to the second, however they are grouped and rolled up (I26)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gpushopper import wire
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.offer import Offer
from gpushopper.core.spending.ledger import Entry
from gpushopper.core.spending.pro_rata import share
from gpushopper.core.spending.window import Window
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.core.timing.periods import PeriodKind, periods_over
from gpushopper.engine.requests.commands.money.consumers import add_consumer, rename_consumer
from gpushopper.engine.requests.queries.money.consumers import consumer_view, list_consumers
from gpushopper.engine.requests.queries.money.cost_question import GROUPS, CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.errors import NotFound, UsageError
from gpushopper.store import ledger, sessions
from gpushopper.store.money import tags
from tests.engine.two_clouds import TwoClouds
from tests.store.samples import OFFER, attempt, session

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
DAY = 24 * HOUR


class Books:
    """Sessions of two consumers at two accounts over the days in which the clocks were changed, with their ledger."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.world = TwoClouds(folder)
        self.ctx, self.store = self.world.ctx, self.world.store
        self.now = self.ctx.clock.now().wall
        self.rng = random.Random(seed)
        self.entries: list[Entry] = []
        self.first = self.now - 40 * DAY
        for number in range(24):
            self._session(f"s{number}", "ann" if number % 3 else "bob", "ab"[number % 2], number)

    def _session(self, name: str, consumer: str, provider: str, number: int) -> None:
        start = self.first + self.rng.randrange(39 * DAY)
        end = start + self.rng.randrange(MINUTE, 12 * HOUR)
        offer: Offer = replace(OFFER, provider=provider, gpu="H100 SXM" if number % 4 else "RTX 4090")
        one: Attempt = attempt(
            f"a-{name}", name, State.CLOSED, provider=provider, offer=offer, closed_at=end + HOUR, prepared_at=start
        )
        cuts = [start, *range(start - start % HOUR + HOUR, end, HOUR), end]
        rows = [
            Entry(one.id, kind, *span, self.rng.randrange(10**6))
            for kind in ("gpu", "storage")
            for span in pairwise(cuts)
        ]
        rows += [Entry(one.id, "gpu", rows[0].from_at, rows[0].to_at, -rows[0].micros // 3, correction=True)]
        rows += [Entry(one.id, "minimum", end, end, 777)]
        self.entries += rows
        with self.store.transaction():
            sessions.insert_session(self.store, session(name, consumer=consumer, created_at=start))
            sessions.insert_attempt(self.store, one)
            ledger.insert_entries(self.store, rows)
            if number % 5 == 0:
                tags.set_tags(self.store, name, {"paper": "neurips", "who": consumer})
            elif number % 5 == 1:
                tags.set_tags(self.store, name, {"paper": "icml"})

    def truth(self, window: Window) -> int:
        return sum(share(e.micros, e.from_at, e.to_at, window.first, window.last) for e in self.entries)

    def ask(self, by: str = "session", window: Window | None = None, **more: str) -> wire.Costs:
        return costs(self.ctx, CostQuestion(by=by, window=window or Window(), **more))  # type: ignore[arg-type]


@pytest.fixture(params=[BERLIN, KOLKATA], ids=["Berlin", "Kolkata"])
def books(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Books]:
    made = Books(tmp_path)
    made.ctx.zone = request.param
    yield made
    made.world.close()


@pytest.mark.parametrize("rolled_up", ["no", "half", "all"])
def test_every_grouping_of_every_window_adds_up_to_what_was_incurred_in_it(books: Books, rolled_up: str):
    if rolled_up != "no":
        run_rollups(books.ctx)
    if rolled_up == "half":
        books._session("late", "ann", "a", 1)
    bounds = [None, *(books.first + books.rng.randrange(40 * DAY) for _ in range(4)), books.now]
    midnights = [period.start_at for period in periods_over(PeriodKind.MONTH, books.first, books.now, books.ctx.zone)]
    for start in (*bounds[:5], midnights[1]):
        for end in (None, *bounds[1:], midnights[-1]):
            if start is not None and end is not None and start >= end:
                continue
            window = Window(start, end)
            for by in GROUPS:
                found = books.ask(by, window)
                assert found.accrued == books.truth(window), (by, window)
                if by != "tag":
                    assert sum(each.accrued for each in [*found.rows, *found.groups]) == found.accrued


def test_days_follow_each_other_and_each_holds_its_own(books: Books):
    found = books.ask("day")
    assert all(one.end_at == after.start_at for one, after in pairwise(found.groups))
    for group in found.groups:
        assert group.accrued == books.truth(Window(group.start_at, group.end_at))
        assert group.start_at is not None
        assert datetime.fromtimestamp(group.start_at // SECOND, books.ctx.zone).strftime("%Y-%m-%d %H:%M") == (
            f"{group.key} 00:00"
        )
    months = {group.key: group.accrued for group in books.ask("month").groups}
    assert months == {
        key: sum(group.accrued for group in found.groups if group.key.startswith(key)) for key in months
    }  # fmt: skip


def test_a_session_that_crosses_a_boundary_is_split_between_two_windows(books: Books):
    entry = books.entries[0]
    middle = (entry.from_at + entry.to_at) // 2
    before, after = (books.ask(window=each, ref="s0").accrued for each in (Window(None, middle), Window(middle, None)))
    assert before > 0 and after > 0 and before + after == books.ask(ref="s0").accrued


def test_filters_and_tags(books: Books):
    assert books.ask(consumer="ann").accrued + books.ask(consumer="bob").accrued == books.ask().accrued
    tagged = {group.key: group.accrued for group in books.ask("tag").groups}
    assert set(tagged) == {"paper=neurips", "paper=icml", "who=ann", "who=bob", "-"}
    assert books.ask(tag="paper=neurips").accrued == tagged["paper=neurips"]
    papers = books.ask("tag", tag="paper")
    assert {group.key for group in papers.groups} == {"paper=neurips", "paper=icml"}
    assert papers.accrued == tagged["paper=neurips"] + tagged["paper=icml"]
    assert papers.sessions == 10
    with pytest.raises(NotFound):
        books.ask(ref="nobody")
    assert books.ask("day", consumer="nobody").groups == []


def test_a_window_shows_only_the_sessions_that_cost_something_in_it(books: Books):
    assert len(books.ask().rows) == 24
    day = Window(books.now - DAY, books.now)
    inside = [e for e in books.entries if share(abs(e.micros), e.from_at, e.to_at, day.first, day.last)]
    assert {row.session for row in books.ask(window=day).rows} == {e.attempt_id.removeprefix("a-") for e in inside}


def test_a_renamed_consumer_keeps_its_costs_and_its_former_name_means_it_still(books: Books):
    handle = books.world.engine.handle
    before = books.ask(consumer="ann").accrued
    assert rename_consumer(handle, "ann", "lab") == "lab"
    assert rename_consumer(handle, "lab", "lab-2") == "lab-2"
    assert books.ask(consumer="ann").accrued == books.ask(consumer="lab-2").accrued == before
    assert [group.key for group in books.ask("consumer").groups] in (["lab-2", "bob"], ["bob", "lab-2"])
    view = consumer_view(books.ctx, "ann")
    assert (view.name, view.former_names, view.accrued, view.sessions) == ("lab-2", ["ann", "lab"], before, 16)
    assert rename_consumer(handle, "ann", "ann") == "ann", "back again"
    assert [each.name for each in list_consumers(books.ctx).consumers] == ["ann", "bob"]


def test_names_of_consumers(books: Books):
    handle = books.world.engine.handle
    assert add_consumer(handle, "eve") == "eve"
    for wrong in ("eve", "", " x", "x" * 500):
        with pytest.raises(UsageError):
            add_consumer(handle, wrong)
    with pytest.raises(UsageError, match="another consumer"):
        rename_consumer(handle, "ann", "bob")
    with pytest.raises(NotFound):
        rename_consumer(handle, "nobody", "x")
    rename_consumer(handle, "ann", "lab")
    with pytest.raises(UsageError, match="another consumer"):
        rename_consumer(handle, "bob", "ann")
    assert add_consumer(handle, "ann") == "ann", "a former name may be used anew"
    assert consumer_view(books.ctx, "ann").sessions == 0
