"""How soon an account is listed again: as the most urgent attempt needs, and never in a rush (S15)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.listing.poll_interval import failure_backoff, poll_interval
from gpushopper.core.model.attempt import State
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import BOOT, NOW, attempt, moment

ENDING = attempt(State.DESTROYING, last_destroy_boot=BOOT)


@pytest.mark.parametrize(
    ("age_s", "every_s"), [(0, 1.5), (179, 1.5), (180, 5), (599, 5), (600, 15), (3599, 15), (90_000, 15)]
)
def test_a_boot_is_watched_closely_at_first(age_s: float, every_s: float):
    assert poll_interval([attempt(State.BOOTING)], moment(age_s), REAL) == us(every_s)
    assert poll_interval([attempt(State.UNCERTAIN)], moment(age_s), REAL) == us(every_s)


@pytest.mark.parametrize(
    ("since_s", "next_s"),
    [(0, 2), (1, 2), (2, 5), (4, 3), (7, 10), (17, 20), (30, 7), (36.9, 2), (37, 30), (5000, 30)],
)
def test_after_a_destroy_the_poll_interval_grows(since_s: float, next_s: float):
    assert poll_interval([ENDING], moment(since_s), REAL) == us(next_s)


@pytest.mark.parametrize(("since_s", "next_s"), [(0, 30), (10, 20), (29.5, 2), (30, 2), (500, 2)])
def test_the_poll_comes_when_the_next_absence_is_due(since_s: float, next_s: float):
    one = replace(ENDING, absence_count=1, last_absence_boot=BOOT)
    assert poll_interval([one], moment(since_s), REAL) == us(next_s)


def test_before_the_first_destroy_there_is_a_poll_soon():
    assert poll_interval([attempt(State.DESTROYING)], NOW, REAL) == us(2)


@pytest.mark.parametrize(
    ("state", "every_s"),
    [(State.MISSING, 60), (State.INTERRUPTED, 60), (State.RUNNING, 300), (State.PREPARED, 5), (State.SENT, 300)],
)
def test_uncertain_is_polled_each_minute_prepared_soon_and_the_rest_each_five(state: State, every_s: float):
    assert poll_interval([attempt(state)], moment(4000), REAL) == us(every_s)


@pytest.mark.parametrize(("passes", "next_s"), [(1, 2), (2, 5), (3, 15), (4, 30), (5, 60), (6, 60), (9999, 60)])
def test_failed_polls_back_off_to_the_interval_of_an_uncertain_attempt(passes: int, next_s: float):
    assert failure_backoff(passes, REAL) == us(next_s)


def test_the_most_pressing_attempt_sets_the_pace():
    calm, doubt = attempt(State.RUNNING), attempt(State.MISSING, 2)
    assert poll_interval([calm, doubt], NOW, REAL) == us(60)
    assert poll_interval([doubt, calm, attempt(State.BOOTING, 3)], NOW, REAL) == us(1.5)
    assert poll_interval([], NOW, REAL) == us(300)


@given(
    state=st.sampled_from(State), after_s=st.floats(0, 1e5), absence_count=st.integers(0, 5), unit_s=st.floats(0, 1e5),
    destroy_s=st.none() | st.floats(0, 1e5),
)  # fmt: skip
def test_there_is_always_a_next_poll_within_five_minutes(
    state: State, after_s: float, absence_count: int, unit_s: float, destroy_s: float | None
):
    one = attempt(
        state,
        absence_count=absence_count,
        last_absence_boot=BOOT + us(min(unit_s, after_s)) if absence_count else None,
        last_destroy_boot=None if destroy_s is None else BOOT + us(min(destroy_s, after_s)),
    )
    assert us(1.5) <= poll_interval([one], moment(after_s), REAL) <= us(300)
    if state in (State.MISSING, State.INTERRUPTED, State.UNCERTAIN, State.DESTROYING):
        assert poll_interval([one], moment(after_s), REAL) <= us(60)
