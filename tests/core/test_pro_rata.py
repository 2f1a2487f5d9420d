"""An amount that is split by time loses and gains nothing, whatever the boundaries (I14)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.attempt import State
from gpushopper.core.spending import ledger
from gpushopper.core.spending.pro_rata import hour_of, hours_within, share, split
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from tests.core.samples import WALL, attempt

AN_HOUR = hour_of(WALL) + HOUR


@given(
    micros=st.integers(-(10**9), 10**9), span=st.integers(1, 60 * HOUR),
    cuts=st.lists(st.integers(-HOUR, 61 * HOUR), max_size=8),
)  # fmt: skip
def test_shares_of_neighbouring_periods_add_up(micros: int, span: int, cuts: list[int]):
    bounds = [WALL - 2 * HOUR, *sorted(WALL + cut for cut in cuts), WALL + 62 * HOUR]
    assert sum(share(micros, WALL, WALL + span, *pair) for pair in pairwise(bounds)) == micros


@given(micros=st.integers(0, 10**9), start=st.integers(WALL, WALL + 3 * HOUR), span=st.integers(1, 60 * HOUR))
def test_a_split_at_the_hours_is_without_gap_and_adds_up(micros: int, start: int, span: int):
    pieces = list(split(micros, start, start + span, hours_within(start, start + span)))
    assert (pieces[0][0], pieces[-1][1]) == (start, start + span)
    assert all(one[1] == after[0] and one[1] % HOUR == 0 for one, after in pairwise(pieces))
    assert sum(piece[2] for piece in pieces) == micros and all(piece[2] >= 0 for piece in pieces)
    assert [share(micros, start, start + span, *piece[:2]) for piece in pieces] == [piece[2] for piece in pieces]


def test_half_an_hour_gets_half_and_a_single_moment_lies_in_one_period():
    assert share(100, AN_HOUR, AN_HOUR + HOUR, AN_HOUR + HOUR // 2, AN_HOUR + 9 * HOUR) == 50
    assert [share(7, WALL, WALL, WALL + before, WALL + after) for before, after in ((-1, 0), (0, 1), (1, 2))] == [
        0,
        7,
        0,
    ]


RUNNING = attempt(State.RUNNING, is_gpu_billed=True, billed_until=AN_HOUR - 20 * MINUTE)


def test_no_entry_goes_beyond_an_hour():
    entries, after = ledger.accrue(RUNNING, AN_HOUR + HOUR + 5 * MINUTE)
    for kind in (ledger.GPU, ledger.STORAGE):
        ends = [(entry.from_at - AN_HOUR, entry.to_at - AN_HOUR) for entry in entries if entry.kind == kind]
        assert ends == [(-20 * MINUTE, 0), (0, HOUR), (HOUR, HOUR + 5 * MINUTE)]
    assert after.billed_until == AN_HOUR + HOUR + 5 * MINUTE


@pytest.mark.parametrize(
    ("seen", "now", "until"),
    [
        (HOUR, HOUR + 1, HOUR),
        (HOUR - 1, 3 * HOUR, 0),  # what the next sighting shows may count from the last one
        (HOUR, HOUR - 1, 0),
        (-1, HOUR, None),
        (None, HOUR, None),
    ],
)
def test_what_is_certain_is_entered_hour_by_hour(seen: int | None, now: int, until: int | None):
    one = replace(RUNNING, last_seen_at=None if seen is None else AN_HOUR + seen)
    assert ledger.whole_hours_until(one, AN_HOUR + now) == (None if until is None else AN_HOUR + until)


def test_nothing_is_entered_twice_nor_once_it_is_off_nor_before_it_bills():
    seen = replace(RUNNING, last_seen_at=AN_HOUR + HOUR)
    for one in (
        replace(seen, billed_until=AN_HOUR + HOUR),
        replace(seen, off_at=AN_HOUR),
        replace(seen, billed_until=None),
    ):
        assert ledger.whole_hours_until(one, AN_HOUR + HOUR) is None
