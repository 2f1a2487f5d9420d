"""A snapshot of the clocks: how they move on, and when they disagree (D10, F62)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.timing.clock_snapshot import (
    HOUR,
    MAX_CLOCK_SKEW,
    ProviderDate,
    clocks_disagree,
    us,
    wall_clock_lead,
)
from tests.core.samples import BOOT, NOW, WALL

spans = st.integers(0, 4 * HOUR)


def test_a_date_ages_with_the_boot_clock_and_dies_with_the_boot():
    date = ProviderDate(date=WALL, boot=BOOT, boot_id="boot-1")
    assert date.at(NOW.later(us(30))) == WALL + us(30)
    assert date.at(replace(NOW.later(us(30)), wall=0)) == WALL + us(30)
    assert date.at(replace(NOW, boot_id="boot-2")) is None


@given(span=spans)
def test_later_moves_every_clock(span: int):
    later = NOW.later(span)
    assert (later.wall, later.boot, later.provider_date) == (WALL + span, BOOT + span, WALL + span)
    assert later.boot_id == NOW.boot_id
    assert replace(NOW, provider_date=None).later(span).provider_date is None


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        (0, False),
        (MAX_CLOCK_SKEW, False),
        (-MAX_CLOCK_SKEW, False),
        (MAX_CLOCK_SKEW + 1, True),
        (-MAX_CLOCK_SKEW - 1, True),
    ],
)
def test_clocks_more_than_two_minutes_apart_disagree(apart: int, said: bool):
    assert clocks_disagree(replace(NOW, provider_date=WALL + apart)) is said


def test_without_a_providers_date_the_clocks_do_not_disagree():
    assert not clocks_disagree(replace(NOW, provider_date=None))


@pytest.mark.parametrize(
    ("year", "said"), [(1970, True), (2019, True), (2020, False), (2099, False), (2100, True), (2150, True)]
)
def test_a_clock_of_an_impossible_year_is_wrong_whatever_the_provider_says(year: int, said: bool):
    """No label can name an hour outside these years, and no deadline written by such a clock would be right."""
    wall = us(datetime(year, 6, 1, tzinfo=UTC).timestamp())
    assert clocks_disagree(replace(NOW, wall=wall, provider_date=None)) is said
    assert clocks_disagree(replace(NOW, wall=wall, provider_date=wall)) is said


@pytest.mark.parametrize(
    ("apart", "lead"),
    [(0, 0), (-MAX_CLOCK_SKEW, 0), (-MAX_CLOCK_SKEW - 1, MAX_CLOCK_SKEW + 1), (-30 * HOUR, 30 * HOUR), (HOUR, 0)],
)
def test_how_far_a_fast_wall_clock_is_ahead(apart: int, lead: int):
    assert wall_clock_lead(replace(NOW, provider_date=WALL + apart)) == lead


def test_without_a_providers_date_nothing_is_known_of_a_lead():
    assert wall_clock_lead(replace(NOW, provider_date=None)) == 0
    assert wall_clock_lead(replace(NOW, wall=0, provider_date=None)) == 0


def test_seconds_become_whole_microseconds():
    assert us(1.5) == 1_500_000
    assert us(0.1) == 100_000
    assert us(120) == MAX_CLOCK_SKEW
