"""What may be forgotten on a person's word: only what is to end, and what no cloud has shown lately (D6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.listing.forgetting import Obstacle, forget, obstacle
from gpushopper.core.model.attempt import Attempt, DesiredState, ReceiptKind, State
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, us
from tests.core.samples import NOW, WALL, attempt

OLD = {"desired_state": DesiredState.TERMINATED, "sent_at": WALL - HOUR, "last_seen_at": WALL - HOUR}
ENDING = replace(attempt(State.DESTROYING), **OLD)
UNSURE = replace(attempt(State.UNCERTAIN), **OLD | {"last_seen_at": None})


@pytest.mark.parametrize("one", [ENDING, UNSURE])
def test_an_end_that_nobody_can_see_may_be_forgotten(one: Attempt):
    assert obstacle(one, NOW, REAL) is None


@pytest.mark.parametrize(
    ("one", "changes", "expected"),
    [
        (ENDING, {"desired_state": DesiredState.RUNNING}, Obstacle.WANTED),
        (ENDING, {"last_seen_at": WALL - us(REAL.forget_unseen_s) + 1}, Obstacle.SEEN),
        (ENDING, {"last_seen_at": WALL + HOUR}, Obstacle.SEEN),
        (UNSURE, {"state": State.SENT}, Obstacle.UNDER_WAY),
        (UNSURE, {"sent_at": WALL - us(60)}, Obstacle.UNDER_WAY),
    ],
)
def test_what_is_wanted_was_seen_lately_or_may_still_come_is_not(
    one: Attempt, changes: dict[str, Any], expected: Obstacle
):
    assert obstacle(replace(one, **changes), NOW, REAL) is expected


def test_a_fast_clock_of_ours_makes_nothing_older():
    fast = replace(NOW, wall=WALL + HOUR, provider_date=WALL)
    seen = replace(ENDING, last_seen_at=WALL - us(60))
    assert obstacle(seen, fast, REAL) is Obstacle.SEEN


@pytest.mark.parametrize(
    ("changes", "ended_at"),
    [({}, WALL), ({"off_at": WALL - 9}, WALL - 9), ({"off_at": WALL - 9, "self_ended_at": WALL - 20}, WALL - 20)],
)
def test_its_books_go_on_to_its_first_absence_or_to_now(changes: dict[str, Any], ended_at: int):
    action = forget(replace(ENDING, **changes), "i7", NOW)
    assert (action.kind, action.ended_at, action.evidence["typed"]) == (ReceiptKind.FORGOTTEN, ended_at, "i7")
