"""One line of an attempt's history of heartbeats, as stored: what was used, and whether it answered at all."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.model.ends.agent_report import SIGNALS, AgentReport


@dataclass(frozen=True, slots=True)
class HeartbeatRow:
    """Units as in the table: percent, MB, thousandths of a core, bytes a second, seconds; None: not reported.

    `at` is wall µs. `in_use` has one bit for each of SIGNALS, `answered` is 0 for a probe without a heartbeat.
    """

    attempt_id: str
    at: int
    answered: bool
    gpu_load: int | None = None
    gpu_memory_mb: int | None = None
    cpu_milli: int | None = None
    network_bps: int | None = None
    idle_s: int | None = None
    in_use: int = 0


def heartbeat_row(
    attempt_id: str, at: int, *, answered: bool, report: AgentReport | None, recent_s: float
) -> HeartbeatRow:
    """The line for one probe; a signal counts as in use where it was seen within `recent_s`."""
    if report is None:
        return HeartbeatRow(attempt_id, at, answered)
    active = report.signals_within(recent_s)
    return HeartbeatRow(
        attempt_id,
        at,
        answered,
        gpu_load=report.gpu_load,
        gpu_memory_mb=report.gpu_memory_mb,
        cpu_milli=None if report.cpu is None else round(report.cpu * 1000),
        network_bps=report.network_bps,
        idle_s=report.idle_s,
        in_use=sum(1 << i for i, name in enumerate(SIGNALS) if name in active),
    )
