"""Response types of `why` and `top`.

What is known of a session's use, what would end it and when, and what is not known; GPU loads of all sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SignalView:
    """One sign of use (gpu, cpu, network, output, terminal) as last measured.

    `value` is in percent, thousandths of a core or bytes a second; None where the signal has none, or is not measured.
    `used_at`: when it last counted as use, within the last day. `is_used`: at the last sample.
    """

    name: str
    value: int | None = None
    is_used: bool = False
    used_at: int | None = None


@dataclass(frozen=True, slots=True)
class EndView:
    """One thing that may end the session. `at` is when it acts if nothing changes; None where that is not known.

    `by`: who carries it out, D the daemon, I the instance, P the provider's timer; as `D+I`. `run` names the run or
    the budget.
    """

    name: str
    at: int | None
    by: str
    limit_us: int | None = None
    run: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class UseSpan:
    """A time in which the same was in use: `used` names the signals, `kind` is used, idle, unknown or silent.

    `gpu_load` (percent) and `cpu_milli` are the most that was seen.
    """

    start_at: int
    end_at: int
    kind: str
    used: list[str] = field(default_factory=list)
    gpu_load: int | None = None
    cpu_milli: int | None = None


@dataclass(frozen=True, slots=True)
class WhyView:
    """GET /sessions/{id}/why. `unwatched` says why use is not measured; empty where it is.

    `reason` is why it ended, or is ending. `history` is there where it was asked for.
    `ignored_ends` names end files there that its guard does not obey.
    """

    session: str
    name: str
    status: str
    reason: str
    now: int
    heartbeat_at: int | None = None
    sampled_at: int | None = None
    idle_us: int | None = None
    unwatched: str = ""
    ending_reason: str = ""
    ending_at: int | None = None
    self_ended_at: int | None = None
    ignored_ends: list[str] = field(default_factory=list)
    signals: list[SignalView] = field(default_factory=list)
    ends: list[EndView] = field(default_factory=list)
    history: list[UseSpan] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoadView:
    """GPU load of one session: the most of each step in percent, oldest first; None where it was not measured."""

    session: str
    gpu: list[int | None]


@dataclass(frozen=True, slots=True)
class Loads:
    """GET /loads: open sessions; the last step of `step_us` ends at `until_at`."""

    until_at: int
    step_us: int
    loads: list[LoadView]
