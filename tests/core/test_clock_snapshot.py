"""A snapshot of the clocks: how they move on, and when they disagree (D10, F62)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.timing.clock_snapshot import HOUR, MAX_CLOCK_SKEW, ProviderDate, clocks_disagree, us
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


def test_seconds_become_whole_microseconds():
    assert us(1.5) == 1_500_000
    assert us(0.1) == 100_000
    assert us(120) == MAX_CLOCK_SKEW
