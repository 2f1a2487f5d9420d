"""Every constant of the safety rules, as three named policies without free numbers in any file (S1, S7)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum

HARD_MAXIMUM_S = 12 * 3600
"""No instance lives longer than this after its create was sent, unless overridden at provision (I9). Never scaled."""
MIN_DURATION_S = 60
"""Nothing is rented or extended for less: it would be over before it can be used, and is most likely a typing error."""

MAX_CALL_INTERVAL_S = 12.0
"""The longest minimum gap between two calls of one endpoint at any provider: Vast's create penalty (vastai.md 13)."""


class ReadinessCheck(Enum):
    """What must be shown before a session is handed over."""

    RUNNING = "running"
    CLAIM = "claim"
    SSH = "ssh"
    GUARD = "guard"


ALL_CHECKS = frozenset(ReadinessCheck)
CHECKS_BY_PROVIDER = frozenset({ReadinessCheck.RUNNING, ReadinessCheck.CLAIM})
"""The proofs that a provider's row alone can give; the others need the instance itself."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of the rules, in seconds where the name ends in `_s`."""

    name: str
    readiness_checks: frozenset[ReadinessCheck]

    # create (D2, D9)
    create_timeout_s: float = 60
    tcp_timeout_s: float = 30
    max_in_flight_s: float = 180
    list_lag_s: float = 420
    uncertain_alarm_s: float = 900
    prepared_max_age_s: float = 600
    unlabelled_alarm_s: float = 600

    # absence of an unknown id (D6)
    absence_observations: int = 3
    absence_spacing_s: float = 60

    # proof that a known id is gone (D6)
    gone_observations: int = 3
    gone_interval_s: float = 30
    gone_window_s: float = 120

    # destroy (D6, S3)
    destroy_timeout_s: float = 30
    destroy_retry_steps_s: tuple[float, ...] = (5, 15, 30, 60, 120)
    destroy_retry_steady_s: float = 300
    destroy_alarms_s: tuple[float, ...] = (300, 900, 3600)

    # boot (F13, S13)
    boot_stall_timeout_s: float = 900
    boot_timeout_s: float = 3600

    # heartbeats over ssh (D8)
    heartbeat_interval_s: float = 30
    heartbeat_timeout_s: float = 15
    boot_heartbeat_steps_s: tuple[tuple[float, float], ...] = ((180, 2), (600, 5), (3600, 15))
    guard_grace_s: float = 120
    guard_tick_s: float = 15
    guard_backoff_s: float = 300
    unreachable_alarm_s: float = 600

    # running
    interrupted_grace_s: float = 1800
    missing_alarm_s: float = 600
    empty_list_hold_s: float = 600
    price_tolerance: float = 0.02

    # reconcile (D4, S9, I29)
    duplicate_min_age_s: float = 900
    adopt_duration_s: float = 3600
    adopt_min_remaining_s: float = 900
    breaker_minimum: int = 2
    breaker_share: float = 0.25

    # looking (S15, S24)
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

    # money (D11)
    reserve_slack_s: float = 1800
    storage_slack_s: float = 86400

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other (S7)."""
        if self.create_timeout_s + self.tcp_timeout_s > self.max_in_flight_s:
            raise ValueError("a request could outlive the flight bound")
        if self.gone_window_s >= self.destroy_retry_steady_s:
            raise ValueError("a new destroy would always come before the proof is complete")
        if self.prepared_max_age_s < 10 * MAX_CALL_INTERVAL_S:
            raise ValueError("an intention would be given up while it waits its turn")
        if self.guard_tick_s > 15 or self.guard_backoff_s > 300:
            raise ValueError("the guard would look too seldom")
        if self.freshness_s < 10:
            raise ValueError("two observations cannot be that close together")
        if self.name == "real" and min(self.gone_interval_s, self.absence_spacing_s) < MAX_CALL_INTERVAL_S:
            raise ValueError("units closer together than the provider's slowest gap")

    @property
    def needs_login(self) -> bool:
        """Whether a hand-over needs the instance's own word; on a paper market there is nobody to ask (S1)."""
        return not self.readiness_checks <= CHECKS_BY_PROVIDER

    @property
    def settle_s(self) -> float:
        """Awake, connected time before an absence can count: longest flight plus longest list lag (C7)."""
        return self.max_in_flight_s + self.list_lag_s


REAL = Policy(name="real", readiness_checks=ALL_CHECKS)

PAPER = replace(REAL, name="paper", readiness_checks=CHECKS_BY_PROVIDER)
"""Real times on a market of paper instances: for simulations."""

_DRILL_SPEED = 60
_SCALED = frozenset(
    {
        "tcp_timeout_s",
        "list_lag_s",
        "uncertain_alarm_s",
        "unlabelled_alarm_s",
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
    }
)


def _drill(proofs: frozenset[ReadinessCheck]) -> Policy:
    """The real rules about sixty times quicker. The 12 h, money, brakes and freshness are never scaled (S7)."""
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
        readiness_checks=proofs,
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
        **scaled,  # type: ignore[arg-type]
    )


DRILL = _drill(CHECKS_BY_PROVIDER)
DRILL_LIVE = _drill(ALL_CHECKS)

POLICIES = {"real": REAL, "paper": PAPER, "drill": DRILL, "drill-live": DRILL_LIVE}
