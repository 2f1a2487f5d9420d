"""A simulated agent and upkeep: idle is measured, ends are announced, the guard carries them out (ends.md E1-E6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpushopper.core.model.ends.agent_report import AgentReport, GpuUse, RunSeen
from gpushopper.core.timing.clock_snapshot import SECOND


@dataclass
class SimAgent:
    """Times in µs of the market's clock. `works_until`: until then it is in use."""

    started_at: int
    limits: dict[str, str] = field(default_factory=dict)
    checksum: str = ""
    works_until: int = 0
    heard_at: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    is_dead: bool = False
    disk_free_gb: float | None = 14.5
    runs: tuple[RunSeen, ...] = tuple(RunSeen(run, "running", 60) for run in ("r1", "r-1", "r2", "train"))
    """The runs that its instance has, whichever of them a story speaks of."""

    def bring(self, line: str, now: int) -> None:
        self.limits = dict(word.split("=") for word in line.split())
        self.checksum = str(abs(hash(line)) % 10**9)
        self.started_at = min(self.started_at, now)

    def _limit(self, name: str) -> int:
        return int(self.limits.get(name, "0")) * SECOND

    def idle_since(self) -> int:
        return max(self.started_at, self.works_until)

    def step(self, now: int, deadline: int = 2**62) -> None:
        """Write or withdraw the ends that are due; none that waits to be pulled is later than the deadline."""
        if self.is_dead or not self.limits:
            self.ends.pop("idle", None)
            self.ends.pop("contact", None)
            return
        for name, at in self._due().items():
            if now >= at:
                hold = min(self._limit("hold"), deadline - now - self._limit("tick")) if name == "idle" else 0
                self.ends.setdefault(name, now + max(self._limit("warn"), hold))
            else:
                self.ends.pop(name, None)

    def _due(self) -> dict[str, int]:
        """When each end would be written if nothing changes; far away where there is no such limit."""
        idle, contact = self._limit("idle"), self._limit("contact")
        found = {"idle": self.idle_since() + idle if idle else 2**62}
        quiet = max(self.heard_at + contact, self.idle_since() + self._limit("disuse"))
        return found | {"contact": quiet if contact else 2**62}

    def finish_run(self, now: int, hold: int = 0) -> None:
        self.ends["run"] = now + max(self._limit("grace"), hold)

    def pulled(self, now: int) -> None:
        """Its results are elsewhere: what waited for that ends soon."""
        self.ends = {name: min(at, now + self._limit("grace")) for name, at in self.ends.items()}

    def next_due(self, now: int) -> int | None:
        dues = [at for at in (*self._due().values(), *self.ends.values()) if now < at < 2**62]
        return min(dues, default=None)

    def is_over(self, now: int) -> bool:
        return any(now >= at for at in self.ends.values())

    def shown(self, now: int) -> tuple[tuple[str, int], ...]:
        return tuple((name, max(at - now, 0) // SECOND) for name, at in sorted(self.ends.items(), key=lambda e: e[1]))

    def report(self, now: int) -> AgentReport | None:
        if self.is_dead or not self.limits:
            return None
        idle_s = max(now - self.idle_since(), 0) // SECOND
        in_use = (("cpu", 0 if now < self.works_until else idle_s),)
        gpus = (GpuUse("RTX 4090", load=0 if idle_s else 97),)
        return AgentReport("sim", 5, idle_s, in_use=in_use, gpus=gpus, runs=self.runs, disk_free_gb=self.disk_free_gb)
