"""A running session as the daemon shows it."""

from __future__ import annotations

from typing import Any

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import HOUR

NOW = 1_793_400_000_000_000


def open_session(name: str, **more: Any) -> wire.SessionView:
    """One that has run for a while and ends in two hours (from NOW); `more` are its other fields."""
    fields: dict[str, Any] = {
        "id": name, "name": name, "consumer": "", "status": "running", "health": "ok", "end_stage": "", "reason": "",
        "provider": "vast", "cloud": "vast", "gpu": "RTX 4090", "gpu_count": 1, "rate": 431_000, "created_at": NOW,
        "deadline_at": NOW + 2 * HOUR, "hard_max_at": NOW + 9 * HOUR, "ready_at": NOW, "ended_at": None,
        "accrued": 430_000, "max_cost": 1_720_000, "guard_state": "armed", "guards": "D+I", "guard_in_sync": True,
        "image": "", "disk_gb": 10.0, "ssh_host": "h", "ssh_port": 22, "heartbeat_at": NOW, "guard_deadline_at": None,
        "waiting_for": "", "waiting_until": None, "attempts": [],
    }  # fmt: skip
    return wire.SessionView(**fields | more)
