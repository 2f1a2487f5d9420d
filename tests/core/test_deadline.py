"""Deadlines by the vote of the clocks: two of three decide, and none alone (D10, I12)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot, us
from gpushopper.core.timing.deadline import Deadline, DeadlineStatus, deadline_status
from tests.core.samples import BOOT, NOW, WALL

AHEAD, PASSED, DISPUTED = DeadlineStatus.AHEAD, DeadlineStatus.PASSED, DeadlineStatus.DISPUTED
LIMIT = Deadline.at(WALL + HOUR, NOW)
EARLY, LATE = HOUR - us(600), HOUR + us(600)

spans = st.integers(0, 4 * HOUR)
errors = st.integers(-30 * HOUR, 30 * HOUR)


def clocks(wall: bool, boot: bool | None, date: bool | None) -> ClockSnapshot:
    """Each clock before or past the deadline, or absent: None for boot is a reboot, for date no reply yet."""
    spots = {False: EARLY, True: LATE}
    return ClockSnapshot(
        wall=WALL + spots[wall],
        boot=BOOT + spots[bool(boot)],
        boot_id="boot-1" if boot is not None else "boot-2",
        provider_date=None if date is None else WALL + spots[date],
    )


@pytest.mark.parametrize(
    ("wall", "boot", "date", "verdict"),
    [
        (False, False, False, AHEAD), (True, False, False, AHEAD), (False, True, False, AHEAD),
        (False, False, True, AHEAD), (True, True, False, PASSED), (True, False, True, PASSED),
        (False, True, True, PASSED), (True, True, True, PASSED),
        (False, False, None, AHEAD), (True, True, None, PASSED),
        (True, False, None, DISPUTED), (False, True, None, DISPUTED),
        (False, None, False, AHEAD), (True, None, True, PASSED),
        (True, None, False, AHEAD), (False, None, True, PASSED),
        (True, None, None, DISPUTED), (False, None, None, AHEAD),
    ],
)  # fmt: skip
def test_two_of_three_clocks_decide(wall: bool, boot: bool | None, date: bool | None, verdict: DeadlineStatus):
    assert deadline_status(LIMIT, clocks(wall, boot, date)) is verdict


@given(life=spans, elapsed=spans, wrong=st.sampled_from(["wall", "boot", "provider_date"]), error=errors)
def test_one_wrong_clock_neither_lengthens_nor_shortens(life: int, elapsed: int, wrong: str, error: int):
    true = NOW.later(elapsed)
    told = replace(true, **{wrong: getattr(true, wrong) + error})
    assert deadline_status(Deadline.at(WALL + life, NOW), told) is (PASSED if elapsed >= life else AHEAD)


@given(life=spans, elapsed=spans, wrong=st.sampled_from(["wall", "boot"]), error=errors)
def test_without_a_reply_one_wrong_clock_can_only_cause_a_dispute(life: int, elapsed: int, wrong: str, error: int):
    true = replace(NOW.later(elapsed), provider_date=None)
    told = replace(true, **{wrong: getattr(true, wrong) + error})
    verdict = deadline_status(Deadline.at(WALL + life, NOW), told)
    assert verdict in ({PASSED, DISPUTED} if elapsed >= life else {AHEAD, DISPUTED})


@given(elapsed=spans, error=st.integers(0, 30 * HOUR))
def test_after_a_reboot_a_wall_clock_alone_never_ends_anything(elapsed: int, error: int):
    told = ClockSnapshot(WALL + elapsed + error, us(5), "boot-2", None)
    assert deadline_status(LIMIT, told) is not PASSED


@given(elapsed=spans)
def test_after_a_reboot_and_a_reply_without_a_date_the_wall_clock_decides(elapsed: int):
    """A provider that can be reached but tells no date would otherwise hold every deadline back for ever."""
    told = ClockSnapshot(WALL + elapsed, us(5), "boot-2", None, provider_answered=True)
    assert deadline_status(LIMIT, told) is (PASSED if elapsed >= HOUR else AHEAD)


@given(error=errors)
def test_after_a_reboot_the_date_wins_over_the_wall_clock(error: int):
    for spot, verdict in ((EARLY, AHEAD), (LATE, PASSED)):
        for provider_answered in (False, True):
            told = ClockSnapshot(WALL + spot + error, us(5), "boot-2", WALL + spot, provider_answered)
            assert deadline_status(LIMIT, told) is verdict


@given(boot=st.integers(0, 100 * HOUR))
def test_a_boot_clock_of_another_boot_has_no_vote(boot: int):
    assert deadline_status(LIMIT, ClockSnapshot(WALL + EARLY, boot, "boot-2", WALL + EARLY)) is AHEAD
    assert deadline_status(LIMIT, ClockSnapshot(WALL + LATE, boot, "boot-2", WALL + LATE)) is PASSED


def test_within_one_boot_a_reply_without_a_date_settles_no_dispute():
    for wall, boot in ((True, False), (False, True)):
        assert deadline_status(LIMIT, replace(clocks(wall, boot, None), provider_answered=True)) is DISPUTED


def test_the_deadline_itself_is_past():
    for early, verdict in ((1, AHEAD), (0, PASSED)):
        assert deadline_status(LIMIT, NOW.later(HOUR - early)) is verdict


def test_a_deadline_set_with_skewed_clocks_counts_from_its_own_pair():
    skewed = replace(NOW, boot=BOOT + us(777))
    limit = Deadline.at(WALL + HOUR, skewed)
    assert (limit.set_wall, limit.set_boot, limit.boot_id) == (WALL, BOOT + us(777), "boot-1")
    assert deadline_status(limit, replace(skewed.later(LATE), provider_date=None)) is PASSED
