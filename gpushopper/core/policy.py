"""All time limits and counts of the rules: timeouts, intervals, retry steps, thresholds, as named policies (S1, S7).

`real` is for providers; `paper` and `drill` are for the sandbox. Its numbers are for a cloud with the default limits of
`core/cloud.py`; `at` gives those for another. No other module has a number of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import lru_cache

from gpushopper.core.cloud import Limits, Pace

HARD_MAXIMUM_S = 12 * 3600
"""No instance lives longer than this after its create was sent, unless overridden at provision (I9). Never scaled."""
DISUSE_S = 2 * 3600
"""How long nobody may use an instance that may last longer, until it ends for lack of contact (E3). Never scaled."""
MIN_DURATION_S = 60
"""Nothing is rented or extended for less: it would end before it can be used, and is most likely a typing error."""

MAX_THROTTLED_S = 120.0
"""The longest that a cloud's Retry-After, or a refusal that only a rate limit explains, is taken at its word."""


class ReadinessCheck(Enum):
    """What is checked before a session is ready."""

    RUNNING = "running"
    CLAIM = "claim"
    SSH = "ssh"
    GUARD = "guard"


ALL_CHECKS = frozenset(ReadinessCheck)
CHECKS_BY_PROVIDER = frozenset({ReadinessCheck.RUNNING, ReadinessCheck.CLAIM})
"""The checks that a provider's row alone can pass; the others need a heartbeat of the instance."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of the rules.

    Names that end in `_s` are seconds; `_steps_s` are seconds that grow with each try, or pairs of (up to this age,
    interval). Counts of observations, polls and instances have no unit.
    """

    name: str
    readiness_checks: frozenset[ReadinessCheck]

    # create: timeouts of the call, and how long its instance may take to be listed (D2, D9)
    create_timeout_s: float = 60
    tcp_timeout_s: float = 30
    max_in_flight_s: float = 180
    list_lag_s: float = 420
    uncertain_alarm_s: float = 900
    prepared_max_age_s: float = 600
    unlabelled_alarm_s: float = 600
    forget_unseen_s: float = 900

    # absence of an uncertain create, whose id is unknown (D6)
    absence_observations: int = 3
    absence_spacing_s: float = 60

    # proof that an instance with a known id is gone (D6)
    gone_observations: int = 3
    gone_interval_s: float = 30
    gone_window_s: float = 120

    # destroy: timeout, retry intervals, ages at which an alarm escalates (D6, S3)
    destroy_timeout_s: float = 30
    destroy_retry_steps_s: tuple[float, ...] = (5, 15, 30, 60, 120)
    destroy_retry_steady_s: float = 300
    destroy_alarms_s: tuple[float, ...] = (300, 900, 3600)

    # boot: without progress, and in all (F13, S13)
    boot_stall_timeout_s: float = 900
    boot_timeout_s: float = 3600

    # heartbeats over ssh, and the guard (D8)
    heartbeat_interval_s: float = 30
    heartbeat_timeout_s: float = 15
    boot_heartbeat_steps_s: tuple[tuple[float, float], ...] = ((180, 2), (600, 5), (3600, 15))
    guard_grace_s: float = 120
    guard_tick_s: float = 15
    guard_backoff_s: float = 300
    unreachable_alarm_s: float = 600

    # early ends: what the instance is told, and what is concluded (ends.md E1-E6)
    end_warning_s: float = 300
    own_end_s: float = 90
    agent_tick_s: float = 10
    agent_stale_s: float = 60
    run_grace_s: float = 120
    run_start_s: float = 600
    failed_run_hold_s: float = 1800
    idle_note_s: float = 1800

    # landing (ends.md E7): before a deadline, the hook's share of it, and when a deadline is announced
    land_for_s: float = 900
    hook_s: float = 300
    pull_retry_s: float = 30
    deadline_warnings_s: tuple[float, ...] = (900, 300)

    self_ended_observations: int = 3
    self_ended_window_s: float = 600

    # interrupted, missing, price
    interrupted_grace_s: float = 1800
    missing_alarm_s: float = 600
    empty_list_hold_s: float = 600
    price_tolerance: float = 0.02

    # duplicates, adoption, circuit breaker (D4, S9, I29)
    duplicate_min_age_s: float = 900
    adopt_duration_s: float = 3600
    adopt_min_remaining_s: float = 900
    breaker_minimum: int = 2
    breaker_share: float = 0.25

    # lists and polling; the longest gap between two calls of one endpoint (S15, S24)
    read_timeout_s: float = 20
    freshness_s: float = 60
    list_fresh_for_create_s: float = 600
    steady_poll_s: float = 300
    uncertain_poll_s: float = 60
    boot_poll_steps_s: tuple[tuple[float, float], ...] = ((180, 1.5), (600, 5), (3600, 15))
    destroy_poll_steps_s: tuple[float, ...] = (2, 5, 10, 20)
    destroy_poll_steady_s: float = 30
    failure_poll_steps_s: tuple[float, ...] = (2, 5, 15, 30)
    prepared_poll_s: float = 5
    degraded_after_s: float = 60
    degraded_failed_polls: int = 2
    throttled_max_s: float = MAX_THROTTLED_S
    key_trusted_s: float = 600
    call_gap_s: float = 12

    # reserve (D11)
    reserve_slack_s: float = 1800
    storage_slack_s: float = 86400
    unguarded_slack_s: float = 86400
    # Each way: an image and data come in, results go out. What is used beyond it counts once the cloud has billed it.
    traffic_gb: float = 10

    # budgets: what an end usually takes, how soon before it a session is warned, how long a higher price is doubted
    budget_end_s: float = 120
    budget_warning_s: float = 900
    price_doubted_s: float = 600

    # the clouds' bills: how often they are read, for how long back, and when a bill is as good as final (D11)
    bill_check_s: float = 86400
    bill_lookback_s: float = 32 * 86400
    bill_settled_s: float = 86400

    # how long the details of an ended session are kept: longer than any bill may change (I4)
    details_kept_s: float = 180 * 86400

    # watchdog: between its two lists, after the hour of a label, and for an end with its proof (ends.md E10)
    watchdog_interval_s: float = 600
    watchdog_margin_s: float = 1800
    watchdog_end_s: float = 1200

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other (S7)."""
        if self.create_timeout_s + self.tcp_timeout_s > self.max_in_flight_s:
            raise ValueError("a call could take longer than max_in_flight_s")
        if self.gone_window_s >= self.destroy_retry_steady_s:
            raise ValueError("a new destroy would always come before the proof is complete")
        if self.gone_window_s >= self.watchdog_end_s:
            raise ValueError("the watchdog would give up before a proof can be complete")
        if self.details_kept_s < 2 * (self.bill_lookback_s + self.bill_settled_s):
            raise ValueError("a session would be compacted while its bill may still change")
        if self.prepared_max_age_s < 10 * self.call_gap_s:
            raise ValueError("a prepared attempt would expire while it waits for the rate limit")
        if self.guard_tick_s > 15 or self.guard_backoff_s > 300:
            raise ValueError("the guard would check its deadline too seldom")
        if self.freshness_s < 10:
            raise ValueError("a list and a read by id cannot be that close together")
        if self.name == "real" and min(self.gone_interval_s, self.absence_spacing_s) < self.call_gap_s:
            raise ValueError("absences closer together than the longest gap between two calls")

    @property
    def needs_login(self) -> bool:
        """Whether being ready needs a heartbeat over ssh; simulated instances have no ssh (S1)."""
        return not self.readiness_checks <= CHECKS_BY_PROVIDER

    def at(self, limits: Limits, pace: Pace) -> Policy:
        """The policy for a cloud with these limits, as much quicker than real as this one is; its gaps are real.

        Raises:
            ValueError: the cloud's limits contradict another rule (S7).
        """
        return _policy_at(self, limits, pace)

    @property
    def settle_s(self) -> float:
        """Awake, connected seconds before an absence can count: longest call in flight plus longest list lag (C7)."""
        return self.max_in_flight_s + self.list_lag_s


_DEFAULT_LIMITS = Limits()
_OF_CLOUD = {
    "create_timeout_s": "create_s",
    "destroy_timeout_s": "destroy_s",
    "read_timeout_s": "read_s",
    "max_in_flight_s": "flight_s",
    "list_lag_s": "list_lag_s",
    "boot_stall_timeout_s": "boot_silence_s",
    "boot_timeout_s": "boot_limit_s",
    "degraded_after_s": "degraded_after_s",
}
"""Which numbers of a policy follow which limit of a cloud."""


# Cached: the engine asks some ten times a step.
@lru_cache(maxsize=256)
def _policy_at(policy: Policy, limits: Limits, pace: Pace) -> Policy:
    changed = {
        ours: getattr(policy, ours) * getattr(limits, theirs) / getattr(_DEFAULT_LIMITS, theirs)
        for ours, theirs in _OF_CLOUD.items()
        if getattr(limits, theirs) != getattr(_DEFAULT_LIMITS, theirs)
    }
    if pace.longest_gap_s != policy.call_gap_s:
        changed["call_gap_s"] = pace.longest_gap_s
    return replace(policy, **changed) if changed else policy


REAL = Policy(name="real", readiness_checks=ALL_CHECKS)

PAPER = replace(REAL, name="paper", readiness_checks=CHECKS_BY_PROVIDER)
"""Real times with simulated instances."""

_DRILL_SPEED = 60
_SCALED = frozenset(
    {
        "tcp_timeout_s",
        "list_lag_s",
        "uncertain_alarm_s",
        "unlabelled_alarm_s",
        "forget_unseen_s",
        "absence_spacing_s",
        "gone_interval_s",
        "gone_window_s",
        "destroy_retry_steps_s",
        "destroy_retry_steady_s",
        "destroy_alarms_s",
        "boot_stall_timeout_s",
        "boot_timeout_s",
        "interrupted_grace_s",
        "missing_alarm_s",
        "duplicate_min_age_s",
        "steady_poll_s",
        "uncertain_poll_s",
        "empty_list_hold_s",
        "guard_grace_s",
        "unreachable_alarm_s",
        "throttled_max_s",
        "key_trusted_s",
        "watchdog_interval_s",
        "watchdog_margin_s",
        "watchdog_end_s",
        "end_warning_s",
        "run_grace_s",
        "failed_run_hold_s",
        "idle_note_s",
        "deadline_warnings_s",
        "self_ended_window_s",
        "budget_end_s",
        "budget_warning_s",
        "price_doubted_s",
    }
)


def _drill(checks: frozenset[ReadinessCheck]) -> Policy:
    """The real rules about sixty times faster. The hard maximum and all that is about money are never scaled (S7)."""
    scaled: dict[str, object] = {}
    for field in fields(Policy):
        if field.name in _SCALED:
            value = getattr(REAL, field.name)
            scaled[field.name] = (
                tuple(v / _DRILL_SPEED for v in value) if isinstance(value, tuple) else value / _DRILL_SPEED
            )
    return replace(
        REAL,
        name="drill",
        readiness_checks=checks,
        create_timeout_s=2.0,
        max_in_flight_s=3.0,
        destroy_timeout_s=2.0,
        read_timeout_s=2.0,
        freshness_s=10.0,
        degraded_after_s=4.0,
        boot_poll_steps_s=((60, 0.25), (600, 1.0)),
        destroy_poll_steps_s=(0.1, 0.2, 0.4),
        destroy_poll_steady_s=0.5,
        heartbeat_interval_s=2.0,
        heartbeat_timeout_s=5.0,
        boot_heartbeat_steps_s=((60, 0.5), (600, 1.0)),
        guard_tick_s=1.0,
        guard_backoff_s=5.0,
        agent_tick_s=1.0,
        agent_stale_s=6.0,
        # The other holder's turn comes after three ticks; the rest is for a busy computer.
        own_end_s=20.0,
        # As many ticks of the agent as in reality: it counts in those.
        land_for_s=90.0,
        hook_s=30.0,
        pull_retry_s=2.0,
        **scaled,  # type: ignore[arg-type]
    )


DRILL = _drill(CHECKS_BY_PROVIDER)
DRILL_LIVE = _drill(ALL_CHECKS)

POLICIES = {"real": REAL, "paper": PAPER, "drill": DRILL, "drill-live": DRILL_LIVE}
