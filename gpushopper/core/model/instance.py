"""Instances as values: one row of a provider's list, and whose it is by its two carriers of the label (S4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gpushopper.core.model.label import Label, parse_label
from gpushopper.core.model.money import Micros


class StatusClass(Enum):
    """A provider's status word as the rules see it; every unrecognized word is UNKNOWN, which counts as alive (F22)."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"
    OFFLINE = "offline"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Instance:
    """One row of a provider's list. Times are wall µs, rates micro-dollars per hour, None where not shown.

    `label` and `env_label` (environment variable) may both carry our label. `progress` changes as a boot moves on.
    """

    instance_id: str
    label: str | None
    env_label: str | None
    status: StatusClass
    provider_status: str
    message: str
    progress: str
    rate: Micros | None
    gpu_rate: Micros | None
    storage_rate: Micros | None
    created_at: int | None
    ends_at: int | None
    host_id: str | None
    image: str | None
    gpu: str | None
    gpu_count: int | None
    vram_mb: int | None
    disk_gb: float | None
    ssh_host: str | None = None
    ssh_port: int | None = None
    image_refused: bool = False
    """Whether it failed because the registry refused its image."""

    def owner(self) -> Label | None:
        """Whose it is by its label or environment variable; the label wins where both are valid (S4)."""
        return parse_label(self.label) or parse_label(self.env_label)

    def labelled_hard_max(self) -> int | None:
        """The hard maximum (wall µs) that its label names, the earlier one where its two carriers do not agree.

        None where neither names one. It is a claim, for an instance without a record.
        """
        owner = self.owner()
        if owner is None:
            return None
        carried = (parse_label(self.label), parse_label(self.env_label))
        return min((c.hard_max_at for c in carried if c and c.hard_max_at and owner.is_same_attempt(c)), default=None)
