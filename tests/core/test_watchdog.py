"""What the second watcher may end, by value: never by one list, one clock, or a label that does not say when (E10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.listing.watchdog import OverdueInstance, Verdict, WatchedList, certain_time, judge, overdue
from gpushopper.core.model.instance import Instance
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, ClockSnapshot, us
from tests.core.samples import (
    BOOT,
    ELSEWHERE,
    HARD_MAX,
    HERE,
    LABELLED_MAX,
    WALL,
    attempt_id,
    gs1_label,
    gs2_label,
    row,
)

OURS = frozenset({HERE})
OVERDUE_S = (LABELLED_MAX - WALL) / 1e6 + 1800
"""Seconds after NOW at which `row()` is overdue."""


def at(after_s: float = OVERDUE_S, **changes: Any) -> ClockSnapshot:
    wall = WALL + us(after_s)
    return replace(ClockSnapshot(wall, BOOT + us(after_s), "boot-1", provider_date=wall), **changes)


def listed(*rows: Instance, after_s: float = OVERDUE_S, whole: bool = True, **changes: Any) -> WatchedList:
    return WatchedList(rows, whole, at(after_s, **changes))


@pytest.mark.parametrize(
    ("found", "after_s", "verdict"),
    [
        (row(), OVERDUE_S, Verdict.OVERDUE),
        (row(), OVERDUE_S - 1, Verdict.WITHIN),
        (row(label=gs2_label(ELSEWHERE)), 10 * OVERDUE_S, None),
        (row(label="training"), 10 * OVERDUE_S, None),
        (row(label=None), 10 * OVERDUE_S, None),
        (row(label=gs2_label()[:-1]), 10 * OVERDUE_S, None),
        (row(label=gs1_label()), 10 * OVERDUE_S, Verdict.UNDATED),
        (row(label=None, env_label=gs2_label()), OVERDUE_S, Verdict.OVERDUE),
        (row(label="training", env_label=gs2_label()), OVERDUE_S, Verdict.OVERDUE),
        (row(label=gs2_label(), env_label=gs2_label()), OVERDUE_S, Verdict.OVERDUE),
        (row(label=gs2_label(), env_label=gs2_label(hard_max_at=HARD_MAX + HOUR)), 99_999, Verdict.UNCLEAR),
        (row(label=gs2_label(), env_label=gs1_label()), 99_999, Verdict.UNCLEAR),
        (row(label=gs2_label(), env_label=gs2_label(attempt=attempt_id(2))), 99_999, Verdict.UNCLEAR),
        (row(label=gs2_label(), env_label=gs2_label(ELSEWHERE)), 99_999, Verdict.UNCLEAR),
        (row(label=gs2_label(ELSEWHERE), env_label=gs2_label()), 99_999, None),
        (row(created_at=LABELLED_MAX + 1), 99_999, Verdict.YOUNGER),
        (row(created_at=LABELLED_MAX), 99_999, Verdict.OVERDUE),
        (row(created_at=None), 99_999, Verdict.OVERDUE),
    ],
)
def test_a_row_is_judged_by_its_labels_and_the_hour(found: Instance, after_s: float, verdict: Verdict | None):
    assert judge(found, OURS, at(after_s), REAL) is verdict


COPY = row(instance_id="78", created_at=None)


@pytest.mark.parametrize(
    ("found", "rows", "verdict"),
    [
        (row(created_at=None), (row(created_at=None), COPY), Verdict.COPIED),
        (COPY, (row(created_at=None), COPY), Verdict.COPIED),
        (row(created_at=None), (row(created_at=None),), Verdict.OVERDUE),
        (
            row(created_at=None),
            (replace(COPY, carriers=row(label=gs2_label(attempt=attempt_id(2))).carriers),),
            Verdict.OVERDUE,
        ),
        (row(created_at=None), (replace(COPY, carriers=row(label="mine").carriers),), Verdict.OVERDUE),
        (row(created_at=LABELLED_MAX), (COPY,), Verdict.OVERDUE),
        (row(created_at=LABELLED_MAX + 1), (COPY,), Verdict.YOUNGER),
    ],
)
def test_a_label_on_two_instances_ends_neither_where_the_cloud_says_not_which_is_older(
    found: Instance, rows: tuple[Instance, ...], verdict: Verdict
):
    assert judge(found, OURS, at(), REAL, rows) is verdict


def test_a_copy_in_either_list_ends_nothing():
    one = row(created_at=None)
    alone, second = listed(one), listed(one, after_s=OVERDUE_S + 600)
    assert overdue(alone, second, OURS, REAL) == (one,)
    assert overdue(listed(one, COPY), second, OURS, REAL) == ()
    assert overdue(alone, listed(one, COPY, after_s=OVERDUE_S + 600), OURS, REAL) == ()


def test_what_is_only_reported_is_what_nobody_ends():
    assert {v for v in Verdict if v.is_only_reported} == set(Verdict) - {Verdict.WITHIN, Verdict.OVERDUE}


@pytest.mark.parametrize(
    "changes",
    [
        {"wall": WALL},  # ours is behind
        {"provider_date": WALL},  # ours is ahead
        {"provider_date": None},
        {"wall": 4_200_000_000 * us(1), "provider_date": 4_200_000_000 * us(1)},
        {"wall": 0},
    ],
)
def test_nothing_is_overdue_by_one_clock_alone(changes: dict[str, Any]):
    assert judge(row(), OURS, at(**changes), REAL) is Verdict.WITHIN


def test_the_earlier_of_two_clocks_counts():
    assert certain_time(at(0, provider_date=WALL - MINUTE)) == WALL - MINUTE
    assert certain_time(at(0, provider_date=WALL + MINUTE)) == WALL


FIRST, SECOND = listed(row()), listed(row(), after_s=OVERDUE_S + 600)


def test_what_is_overdue_in_two_whole_lists_is_ended():
    assert overdue(FIRST, SECOND, OURS, REAL) == (row(),)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (listed(row(), whole=False), SECOND),
        (FIRST, listed(row(), after_s=OVERDUE_S + 600, whole=False)),
        (FIRST, listed(row(), after_s=OVERDUE_S + 599)),
        (FIRST, listed(row(), after_s=OVERDUE_S + 600, boot_id="boot-2")),
        (listed(), SECOND),
        (FIRST, listed(after_s=OVERDUE_S + 600)),
        (listed(row(), after_s=OVERDUE_S - 1), SECOND),
        (listed(row(instance_id="7")), SECOND),
        (listed(row(label=gs2_label(attempt=attempt_id(2)))), SECOND),
        (listed(row(label=gs1_label())), listed(row(label=gs1_label()), after_s=OVERDUE_S + 600)),
        (FIRST, listed(row(label="mine now"), after_s=OVERDUE_S + 600)),
        (FIRST, listed(row(), after_s=OVERDUE_S + 600, provider_date=WALL)),
    ],
)
def test_anything_less_ends_nothing(first: WatchedList, second: WatchedList):
    assert overdue(first, second, OURS, REAL) == ()


def test_nothing_of_another_installation_is_ended():
    assert overdue(FIRST, SECOND, frozenset({ELSEWHERE}), REAL) == ()


# ---- the end and its proof

SENT = OverdueInstance(row(), BOOT).after_destroy(True, "acknowledged", BOOT, REAL)


def looked(found: OverdueInstance, *seconds: float, **changes: Any) -> OverdueInstance:
    for second in seconds:
        requested = BOOT + us(changes.get("requested_s", second))
        seen = listed(*changes.get("rows", ()), after_s=second, whole=changes.get("whole", True))
        found = found.after_list(seen, requested, changes.get("unknown", True), REAL)
    return found


def test_three_absences_over_two_minutes_prove_an_end():
    assert looked(SENT, 0, 60, 120).is_proven(REAL)
    assert not looked(SENT, 0, 120).is_proven(REAL)
    assert not looked(SENT, 0, 60, 119).is_proven(REAL)
    assert looked(SENT, 0, 29).absences == (BOOT,)


def test_an_end_that_no_cloud_acknowledged_is_not_proven():
    refused = OverdueInstance(row(), BOOT).after_destroy(False, "unknown", BOOT, REAL)
    assert not looked(refused, 0, 60, 120).is_proven(REAL)


@pytest.mark.parametrize("changes", [{"whole": False}, {"unknown": False}, {"requested_s": -1}])
def test_what_is_no_absence(changes: dict[str, Any]):
    assert looked(SENT, 0, 60, 120, **changes).absences == ()


def test_a_sighting_cancels_absences_and_the_destroy_is_repeated():
    again = looked(looked(SENT, 0, 60), 90, rows=(row(),))
    assert again.absences == () and not again.is_left_alone
    assert not again.is_destroy_due(BOOT + us(299)) and again.is_destroy_due(BOOT + us(300))
    assert not looked(SENT, 300).is_destroy_due(BOOT + us(600)), "a destroy would start the proof anew"


def test_a_failed_destroy_is_repeated_sooner():
    refused = OverdueInstance(row(), BOOT).after_destroy(False, "unknown", BOOT, REAL)
    assert refused.is_destroy_due(BOOT + us(5)) and not refused.is_destroy_due(BOOT + us(4))


@pytest.mark.parametrize("label", ["mine now", gs2_label(attempt=attempt_id(2)), gs2_label(ELSEWHERE)])
def test_one_that_shows_another_label_now_is_left_alone(label: str):
    changed = looked(SENT, 60, rows=(row(label=label),))
    assert changed.is_left_alone and not changed.is_destroy_due(BOOT + us(10_000))


def test_one_without_any_label_is_ended_on():
    assert not looked(SENT, 60, rows=(row(label=None),)).is_left_alone
