"""When a create that was cut off may be sent again with its token (I2, F2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.cloud import Limits
from gpushopper.core.lifecycle.create_replay import mark_replayed, may_replay
from gpushopper.core.model.attempt import DesiredState, Origin, State
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import NOW, WALL, attempt

TOKENS = Limits(create_replay_s=900)
CUT_OFF = replace(attempt(State.UNCERTAIN), instance_id=None, sent_at=WALL - us(60), made_by_key="digest")


def test_within_the_life_of_its_token():
    assert may_replay(CUT_OFF, "digest", TOKENS, NOW, REAL)
    assert not may_replay(CUT_OFF, "digest", Limits(), NOW, REAL), "a cloud without tokens"


@pytest.mark.parametrize(("age_s", "expected"), [(0, True), (719, True), (720, False), (900, False), (-1, False)])
def test_so_early_that_a_late_request_still_finds_the_token(age_s: float, expected: bool):
    assert may_replay(replace(CUT_OFF, sent_at=WALL - us(age_s)), "digest", TOKENS, NOW, REAL) is expected


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.SENT}, {"state": State.BOOTING}, {"state": State.CLOSED}, {"instance_id": "1"},
        {"desired_state": DesiredState.TERMINATED}, {"made_by_key": "another"}, {"sent_at": None},
        {"origin": Origin.DISCOVERED},
    ],
)  # fmt: skip
def test_nothing_else_is_sent_again(fields):
    assert not may_replay(replace(CUT_OFF, **fields), "digest", TOKENS, NOW, REAL)


def test_not_without_a_key_and_not_past_its_deadline():
    assert not may_replay(replace(CUT_OFF, made_by_key=""), "", TOKENS, NOW, REAL)
    past = replace(CUT_OFF.deadline, wall=WALL - us(1))
    assert not may_replay(replace(CUT_OFF, deadline=past), "digest", TOKENS, NOW, REAL)


def test_not_by_a_clock_that_the_cloud_contradicts():
    slow = replace(NOW, provider_date=WALL + us(800))
    assert not may_replay(CUT_OFF, "digest", TOKENS, slow, REAL)


def test_what_counted_towards_its_absence_counts_no_more():
    one = replace(CUT_OFF, absence_count=2, settle_elapsed_us=us(600))
    fields = mark_replayed(one, 1).fields
    assert (fields["absence_count"], fields["settle_elapsed_us"], fields["first_absence_boot"]) == (0, 0, None)
