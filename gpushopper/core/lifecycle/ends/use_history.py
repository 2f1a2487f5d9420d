"""Reads an attempt's history of heartbeats: when each signal was last in use, spans of the same use, GPU load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gpushopper.core.model.ends.agent_report import SIGNALS
from gpushopper.core.model.ends.heartbeat_row import HeartbeatRow

USED, IDLE, UNKNOWN, SILENT = "used", "idle", "unknown", "silent"


@dataclass(frozen=True, slots=True)
class Use:
    """A span of heartbeats that show the same; wall µs. `gpu_load` and `cpu_milli` are the most in it."""

    start_at: int
    end_at: int
    kind: str
    used: tuple[str, ...] = ()
    gpu_load: int | None = None
    cpu_milli: int | None = None


def used_signals(row: HeartbeatRow) -> tuple[str, ...]:
    """The signals that were in use."""
    return tuple(name for place, name in enumerate(SIGNALS) if row.in_use >> place & 1)


def last_used(rows: Sequence[HeartbeatRow], signal: str) -> int | None:
    """When a signal was last seen in use; None where it was not."""
    return max((row.at for row in rows if signal in used_signals(row)), default=None)


def latest_sample(rows: Sequence[HeartbeatRow]) -> HeartbeatRow | None:
    """The newest heartbeat that came with a sample of the agent."""
    return next((row for row in reversed(rows) if row.idle_s is not None), None)


def spans(rows: Sequence[HeartbeatRow], gap_us: int) -> list[Use]:
    """The history in order, shortened to what changed; across more than `gap_us` nothing is known."""
    found: list[Use] = []
    for row in rows:
        one = _use(row)
        last = found[-1] if found else None
        if last is not None and row.at - last.end_at > gap_us:
            found.append(Use(last.end_at, row.at, UNKNOWN))
            last = None
        if last is not None and (last.kind, last.used) == (one.kind, one.used):
            found[-1] = replace(
                last, end_at=row.at, gpu_load=_most(last.gpu_load, one.gpu_load),
                cpu_milli=_most(last.cpu_milli, one.cpu_milli),
            )  # fmt: skip
        else:
            found.append(replace(one, start_at=last.end_at if last is not None else row.at))
    return found


def gpu_steps(rows: Sequence[HeartbeatRow], until: int, step_us: int, count: int) -> list[int | None]:
    """The most GPU load (percent) in each of the last `count` steps up to `until`, oldest first; None: not measured."""
    found: list[int | None] = [None] * count
    for row in rows:
        place = count - 1 - (until - row.at) // step_us
        if 0 <= place < count:
            found[place] = _most(found[place], row.gpu_load)
    return found


def _use(row: HeartbeatRow) -> Use:
    if not row.answered:
        return Use(row.at, row.at, SILENT)
    if row.idle_s is None:
        return Use(row.at, row.at, UNKNOWN)
    used = used_signals(row)
    # Neither in use nor idle for any time: something could not be measured.
    kind = USED if used else IDLE if row.idle_s else UNKNOWN
    return Use(row.at, row.at, kind, used, row.gpu_load, row.cpu_milli)


def _most(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)
