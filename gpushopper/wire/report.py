"""The response type of a session's report: all that a reader needs long after; wall µs, micro-dollars."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpushopper.wire.bills import BillRow
from gpushopper.wire.custody import Custody
from gpushopper.wire.money import CostGroup


@dataclass(frozen=True, slots=True)
class ReportAttempt:
    """One attempt with its instance, as its cloud offered it. None is what its cloud did not say.

    `vram_mb` is per GPU. `rate` with its disk, per hour, as agreed. `gpu_hours`: its GPUs from ready to off.
    `gpu_load`: percent, the mean of what was measured there while it was ready. `receipt`: the proof of its end.
    """

    provider: str
    cloud: str
    offer: str
    gpu: str
    gpu_count: int
    vram_mb: int
    cpu_cores: float | None
    ram_mb: int | None
    disk_gb: float
    driver: str | None
    cuda: float | None
    reliability: float | None
    verified: bool | None
    host: str | None
    region: str | None
    is_spot: bool
    instance_id: str | None
    label: str
    image: str
    rate: int
    sent_at: int | None
    ready_at: int | None
    off_at: int | None
    closed_at: int | None
    gpu_hours: float
    gpu_load: int | None
    state: str
    reason: str
    accrued: int
    receipt: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ReportRun:
    """A command that ran there, as kept on this computer. `status`: its exit status, or running, lost, cut off."""

    run: str
    command: str
    status: str
    started_at: int | None
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """A session with its instances, runs, costs, receipts, its cloud's bill where it was read, and what was sent."""

    session: str
    name: str
    consumer: str
    tags: dict[str, str]
    status: str
    reason: str
    created_at: int
    ready_at: int | None
    ended_at: int | None
    deadline_at: int | None
    image: str
    attempts: list[ReportAttempt]
    runs: list[ReportRun]
    gpu_micros: int
    storage_micros: int
    traffic_micros: int
    minimum_micros: int
    accrued: int
    max_cost: int
    gpu_hours: float
    custody: Custody
    version: str
    made_at: int
    bill: BillRow | None = None
    days: list[CostGroup] = field(default_factory=list)
    """Its costs by day, of the user's time zone."""
    time_zone: str = "UTC"
    notes: list[str] = field(default_factory=list)
    """What is not in it, and why."""
