"""What the agent on an instance reports of its use, as values; parsed in `remote/agent/agent_report.py`."""

from __future__ import annotations

from dataclasses import dataclass

SIGNALS = ("gpu", "cpu", "network", "output", "terminal")
"""What counts as use (ends.md E2), in the order of their flags in the stored history."""


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One GPU: load in percent, memory in MB, temperature in degrees Celsius; None where it does not say."""

    name: str
    load: int | None = None
    memory_mb: int | None = None
    total_mb: int | None = None
    temperature: int | None = None


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run as the instance shows it: its status once it has ended, else a word; and for how many seconds."""

    id: str
    state: str
    since_s: int


@dataclass(frozen=True, slots=True)
class AgentReport:
    """One sample of the agent. It comes from a rented host: it may be a lie, and proves nothing (ends.md E8).

    `age_s`: how old the sample was when it was read. `idle_s`: how long idleness has been measured without a gap.
    `in_use`: seconds since each signal was last seen in use, None where it was not. `unknown`: what cannot be measured,
    each with the reason. `cpu` is in cores, `network_bps` in bytes a second.
    """

    version: str
    age_s: int
    idle_s: int
    in_use: tuple[tuple[str, int | None], ...] = ()
    unknown: tuple[str, ...] = ()
    gpus: tuple[GpuUse, ...] = ()
    cpu: float | None = None
    network_bps: int | None = None
    disk_free_gb: float | None = None
    runs: tuple[RunSeen, ...] = ()

    @property
    def gpu_load(self) -> int | None:
        """The load of the busiest GPU."""
        return max((gpu.load for gpu in self.gpus if gpu.load is not None), default=None)

    @property
    def gpu_memory_mb(self) -> int | None:
        """The memory in use on all GPUs."""
        used = [gpu.memory_mb for gpu in self.gpus if gpu.memory_mb is not None]
        return sum(used) if used else None

    def signals_within(self, seconds: float) -> tuple[str, ...]:
        """The signals that were in use within this time."""
        return tuple(name for name, ago in self.in_use if ago is not None and ago <= seconds)
