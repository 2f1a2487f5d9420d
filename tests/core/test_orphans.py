"""An instance with our label and no row: how long it is adopted for, and what its label may say about that (F50)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core import alarms
from gpushopper.core.listing.reconcile import reconcile_list
from gpushopper.core.model.actions import Action, AdoptOrphan, DestroyDuplicate, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, Origin, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot, us
from gpushopper.core.timing.deadline import DeadlineStatus, deadline_status
from tests.core.samples import WALL, attempt, attempt_id, gs1_label, gs2_label, moment, of, recorded, row, seen

LATER = moment(3600)
SECOND = row(1, instance_id="202")
"""Another instance under the label of attempt 1."""


def decide(attempts: list[Attempt], *rows: Instance, now: ClockSnapshot = LATER) -> list[Action]:
    return reconcile_list(recorded(*attempts), seen(*rows, now=now, known=attempts), now, REAL)


@pytest.mark.parametrize(
    ("age_s", "left_s"),
    [(0, 3600), (10 * 3600, 3600), (11.5 * 3600, 1800), (11.9 * 3600, 900), (500 * 3600, 900), (None, 3600)],
)
def test_an_orphan_gets_an_hour_within_the_hard_maximum_and_at_least_a_quarter(age_s: float | None, left_s: float):
    orphan = row(created_at=None if age_s is None else LATER.wall - us(age_s))
    actions = decide([], orphan)
    (adopted,) = of(AdoptOrphan, actions)
    assert (adopted.instance, adopted.label, adopted.label.attempt) == (orphan, orphan.owner(), attempt_id())
    assert (adopted.provider, adopted.account) == ("vast", "77")
    assert adopted.deadline.wall == LATER.wall + us(left_s)
    assert (adopted.deadline.set_wall, adopted.deadline.set_boot) == (LATER.wall, LATER.boot)
    assert of(DestroyDuplicate, actions) == [] and of(UpdateAttempt, actions) == []


NEXT_HOUR = -(-LATER.wall // HOUR) * HOUR
"""33 minutes after LATER."""


@pytest.mark.parametrize(
    ("hard_max", "age_s", "ends_at"),
    [
        (NEXT_HOUR, 0, NEXT_HOUR),
        (NEXT_HOUR, None, NEXT_HOUR),
        (NEXT_HOUR + HOUR, 0, LATER.wall + HOUR),
        (NEXT_HOUR + 100 * HOUR, None, LATER.wall + HOUR),
        (NEXT_HOUR + 100 * HOUR, 11.5 * 3600, LATER.wall + us(1800)),
        (NEXT_HOUR, 11.9 * 3600, LATER.wall + us(900)),
        (NEXT_HOUR - HOUR, 0, NEXT_HOUR - HOUR),
        (NEXT_HOUR - 100 * HOUR, 500 * 3600, NEXT_HOUR - 100 * HOUR),
    ],
)
@pytest.mark.parametrize("carrier", ["label", "env_label"])
def test_a_labelled_hard_maximum_only_shortens_what_an_orphan_gets(
    carrier: str, hard_max: int, age_s: float | None, ends_at: int
):
    created_at = None if age_s is None else LATER.wall - us(age_s)
    shown = row(created_at=created_at, **{"label": None, carrier: gs2_label(hard_max_at=hard_max)})
    (adopted,) = of(AdoptOrphan, decide([], shown))
    assert adopted.deadline.wall == ends_at
    assert (deadline_status(adopted.deadline, LATER) is DeadlineStatus.PASSED) is (ends_at < LATER.wall)


def test_an_orphan_with_a_label_of_version_1_is_adopted_as_before():
    for age_s, left_s in ((0, 3600), (11.5 * 3600, 1800), (500 * 3600, 900)):
        orphan = row(label=gs1_label(), created_at=LATER.wall - us(age_s))
        (adopted,) = of(AdoptOrphan, decide([], orphan))
        assert (adopted.label.text, adopted.deadline.wall) == (gs1_label(), LATER.wall + us(left_s))


@pytest.mark.parametrize(
    ("date_after_wall", "hard_max", "ends_at"),
    [
        (-30 * HOUR, NEXT_HOUR - 30 * HOUR, NEXT_HOUR),  # our clock is 30 hours fast: the label's hour is not past
        (-30 * HOUR, NEXT_HOUR - 31 * HOUR, NEXT_HOUR - HOUR),
        (30 * HOUR, NEXT_HOUR, NEXT_HOUR),  # theirs is, or ours is slow: nothing is ended for it
        (-us(60), NEXT_HOUR, NEXT_HOUR),  # within what clocks may differ
    ],
)
def test_a_fast_clock_alone_does_not_put_an_orphan_past_its_labelled_hour(
    date_after_wall: int, hard_max: int, ends_at: int
):
    now = replace(LATER, provider_date=LATER.wall + date_after_wall)
    (adopted,) = of(AdoptOrphan, decide([], row(label=gs2_label(hard_max_at=hard_max)), now=now))
    assert adopted.deadline.wall == ends_at


def test_two_orphans_of_one_attempt_are_one_orphan_whatever_hour_each_claims():
    other = row(2, instance_id=SECOND.instance_id, label=gs2_label(hard_max_at=NEXT_HOUR))
    (adopted,) = of(AdoptOrphan, decide([], row(), other))
    assert adopted.instance == row()


def test_two_orphans_of_one_label_are_adopted_one_after_the_other():
    first = decide([], row(), SECOND)
    assert [orphan.instance.instance_id for orphan in of(AdoptOrphan, first)] == ["101"]
    one = attempt(State.BOOTING, origin=Origin.DISCOVERED, ready_at=WALL)
    then = decide([one], row(), SECOND)
    assert of(AdoptOrphan, then) == []
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, then)] == [(alarms.DUPLICATE, "202")]
