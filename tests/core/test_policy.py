"""The numbers of the rules are checked against each other; the drill scales what it must and no more (S1, S7)."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from gpushopper import providers
from gpushopper.core.cloud import Limits, Pace
from gpushopper.core.policy import (
    ALL_CHECKS,
    CHECKS_BY_PROVIDER,
    DRILL,
    DRILL_LIVE,
    HARD_MAXIMUM_S,
    PAPER,
    POLICIES,
    REAL,
    Policy,
    ReadinessCheck,
)

SIXTIETH = {
    "budget_end_s", "budget_warning_s", "price_doubted_s",
    "deadline_warnings_s", "end_warning_s", "failed_run_hold_s", "idle_note_s", "run_grace_s", "self_ended_window_s",
    "tcp_timeout_s", "list_lag_s", "uncertain_alarm_s", "unlabelled_alarm_s", "absence_spacing_s", "gone_interval_s",
    "forget_unseen_s",
    "gone_window_s", "destroy_retry_steps_s", "destroy_retry_steady_s", "destroy_alarms_s",
    "boot_stall_timeout_s", "boot_timeout_s", "interrupted_grace_s", "missing_alarm_s",
    "duplicate_min_age_s", "steady_poll_s", "uncertain_poll_s", "empty_list_hold_s",
    "guard_grace_s", "unreachable_alarm_s", "throttled_max_s", "key_trusted_s",
    "watchdog_interval_s", "watchdog_margin_s", "watchdog_end_s",
}  # fmt: skip
QUICKER = {
    "own_end_s", "agent_stale_s", "agent_tick_s", "hook_s", "land_for_s", "pull_retry_s",
    "create_timeout_s", "max_in_flight_s", "destroy_timeout_s", "read_timeout_s", "freshness_s", "degraded_after_s",
    "boot_poll_steps_s",
    "destroy_poll_steps_s", "destroy_poll_steady_s", "heartbeat_interval_s", "heartbeat_timeout_s",
    "boot_heartbeat_steps_s", "guard_tick_s",
    "guard_backoff_s",
}  # fmt: skip
UNSCALED = {
    "bill_check_s", "bill_lookback_s", "bill_settled_s", "details_kept_s",
    "self_ended_observations",
    "absence_observations", "gone_observations", "price_tolerance", "adopt_duration_s", "adopt_min_remaining_s",
    "breaker_minimum", "breaker_share", "list_fresh_for_create_s", "degraded_failed_polls", "reserve_slack_s",
    "traffic_gb",
    "storage_slack_s", "unguarded_slack_s", "prepared_max_age_s", "prepared_poll_s", "failure_poll_steps_s",
    "call_gap_s", "run_start_s",
}  # fmt: skip


def test_the_hard_maximum_is_twelve_hours():
    assert HARD_MAXIMUM_S == 12 * 3600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("absence_observations", 3), ("absence_spacing_s", 60), ("gone_observations", 3), ("gone_interval_s", 30),
        ("gone_window_s", 120),
        ("destroy_retry_steps_s", (5, 15, 30, 60, 120)), ("destroy_retry_steady_s", 300),
        ("destroy_alarms_s", (300, 900, 3600)), ("breaker_minimum", 2), ("breaker_share", 0.25),
        ("duplicate_min_age_s", 900), ("adopt_duration_s", 3600), ("adopt_min_remaining_s", 900), ("price_tolerance",
        0.02),
        ("interrupted_grace_s", 1800), ("empty_list_hold_s", 600), ("freshness_s", 60), ("boot_timeout_s", 3600),
        ("prepared_max_age_s", 600), ("reserve_slack_s", 1800), ("storage_slack_s", 86400), ("settle_s", 600),
        ("traffic_gb", 10), ("details_kept_s", 180 * 86400),
        ("throttled_max_s", 120), ("key_trusted_s", 600), ("degraded_after_s", 60),
        ("readiness_checks", frozenset(ReadinessCheck)), ("heartbeat_interval_s", 30), ("guard_grace_s", 120),
        ("guard_tick_s", 15),
        ("guard_backoff_s", 300), ("unreachable_alarm_s", 600),
    ],
)  # fmt: skip
def test_the_real_numbers_are_those_of_the_protocols(name: str, value: object):
    assert getattr(REAL, name) == value


@pytest.mark.parametrize(
    "changes",
    [
        {"create_timeout_s": 151}, {"tcp_timeout_s": 121}, {"max_in_flight_s": 89}, {"freshness_s": 9.9},
        {"gone_interval_s": 11.9}, {"absence_spacing_s": 11.9}, {"call_gap_s": 30.1},
        {"gone_window_s": 300},
        {"details_kept_s": 65 * 86400},
        {"destroy_retry_steady_s": 120}, {"prepared_max_age_s": 119}, {"call_gap_s": 60.1, "name": "paper"},
    ],
)  # fmt: skip
def test_numbers_that_contradict_each_other_are_refused(changes: dict[str, Any]):
    with pytest.raises(ValueError, match=r"\w+"):
        replace(REAL, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"create_timeout_s": 150}, {"freshness_s": 10}, {"gone_interval_s": 12}, {"call_gap_s": 30},
        {"details_kept_s": 66 * 86400}, {"prepared_max_age_s": 120}, {"call_gap_s": 60, "name": "paper"},
    ],
)  # fmt: skip
def test_numbers_at_their_bounds_are_accepted(changes: dict[str, Any]):
    assert replace(REAL, **changes)


@pytest.mark.parametrize("drill", [DRILL, DRILL_LIVE])
def test_the_drill_scales_what_it_must_and_nothing_else(drill: Policy):
    for name in SIXTIETH:
        real, quick = getattr(REAL, name), getattr(drill, name)
        if isinstance(real, tuple):
            assert quick == pytest.approx([each / 60 for each in real]), name
        else:
            assert quick == pytest.approx(real / 60), name
    for name in UNSCALED:
        assert getattr(drill, name) == getattr(REAL, name), name
    for name in QUICKER - {"boot_poll_steps_s", "destroy_poll_steps_s", "boot_heartbeat_steps_s"}:
        assert 0 < getattr(drill, name) < getattr(REAL, name), name


def test_every_number_says_whether_the_drill_scales_it():
    assert {f.name for f in fields(Policy)} == SIXTIETH | QUICKER | UNSCALED | {"name", "readiness_checks"}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_every_policy_keeps_its_own_rules(policy: Policy):
    assert policy.create_timeout_s + policy.tcp_timeout_s <= policy.max_in_flight_s
    assert policy.freshness_s >= 10
    assert policy.gone_window_s < policy.destroy_retry_steady_s
    assert list(policy.destroy_retry_steps_s) == sorted(policy.destroy_retry_steps_s)
    assert policy.destroy_retry_steps_s[-1] <= policy.destroy_retry_steady_s
    assert list(policy.destroy_alarms_s) == sorted(policy.destroy_alarms_s)
    assert policy.settle_s == policy.max_in_flight_s + policy.list_lag_s
    assert policy.boot_stall_timeout_s < policy.boot_timeout_s
    assert policy.prepared_max_age_s >= 10 * policy.call_gap_s, "a turn behind other creates is no reason to give up"
    assert policy.gone_observations >= 3 and policy.absence_observations >= 3


def test_paper_is_real_but_for_its_readiness_checks():
    assert replace(REAL, name="paper", readiness_checks=CHECKS_BY_PROVIDER) == PAPER
    assert {ReadinessCheck.RUNNING, ReadinessCheck.CLAIM} == CHECKS_BY_PROVIDER and set(ReadinessCheck) == ALL_CHECKS
    assert replace(DRILL, readiness_checks=ALL_CHECKS) == DRILL_LIVE
    assert POLICIES == {"real": REAL, "paper": PAPER, "drill": DRILL, "drill-live": DRILL_LIVE}
    assert {name: p.name for name, p in POLICIES.items()} == {
        "real": "real", "paper": "paper", "drill": "drill", "drill-live": "drill",
    }  # fmt: skip


SLOW = Limits(create_s=120, destroy_s=90, flight_s=300, list_lag_s=840, boot_silence_s=1800, boot_limit_s=7200)


def test_a_cloud_with_the_default_limits_changes_no_policy():
    assert all(policy.at(Limits(), Pace()) is policy for policy in POLICIES.values())


def test_a_slower_cloud_gets_its_own_limits():
    slow = REAL.at(SLOW, Pace())
    assert (slow.create_timeout_s, slow.destroy_timeout_s, slow.max_in_flight_s) == (120, 90, 300)
    assert (slow.settle_s, slow.boot_stall_timeout_s, slow.boot_timeout_s) == (1140, 1800, 7200)
    assert slow.read_timeout_s == REAL.read_timeout_s


def test_a_drill_is_as_much_quicker_for_a_slower_cloud():
    slow = DRILL.at(SLOW, Pace())
    assert slow.list_lag_s == 2 * DRILL.list_lag_s and slow.boot_timeout_s == 2 * DRILL.boot_timeout_s
    assert slow.create_timeout_s == 2 * DRILL.create_timeout_s


@pytest.mark.parametrize("name", ["vast", "tensordock"])
def test_each_cloud_has_its_own_gap_between_two_calls_and_the_rules_hold_with_it(name: str):
    cloud = providers.traits(name)
    gap = {"vast": 12, "tensordock": 15}[name]
    assert cloud.pace.longest_gap_s == gap == REAL.at(cloud.limits, cloud.pace).call_gap_s
    assert DRILL.at(cloud.limits, cloud.pace).call_gap_s == gap, "the sandbox keeps the clouds' real gaps"


def test_a_cloud_too_slow_to_count_absences_at_is_refused():
    with pytest.raises(ValueError, match="gap"):
        REAL.at(Limits(), Pace(longest_gap_s=31))


@pytest.mark.parametrize("limits", [Limits(create_s=170), Limits(flight_s=80)])
def test_limits_that_contradict_each_other_are_refused(limits: Limits):
    with pytest.raises(ValueError, match="max_in_flight_s"):
        REAL.at(limits, Pace())
