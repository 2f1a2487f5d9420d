"""Instances as values: one row of a provider's list, and whose it is by its two carriers of the label (S4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gpushopper.core.cloud import Carrier
from gpushopper.core.model.label import Label, parse_label
from gpushopper.core.model.money import Micros


class StatusClass(Enum):
    """A provider's status word as the rules see it; every unrecognized word is UNKNOWN, which counts as alive (F22)."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"
    OFFLINE = "offline"
    FAILED = "failed"
    ENDING = "ending"
    """The cloud is removing it: it is there, and bills until it is gone."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Instance:
    """One row of a provider's list. Times are wall µs, rates micro-dollars per hour, None where not shown.

    `carriers` are the texts that may hold our label, in the order of the cloud's `Naming`: where two hold valid ones
    that differ, the first wins (S4). `progress` changes as a boot moves on. `bills_gpu` and `bills_storage` are what
    the row says bills now; None: it does not say, and its status decides.
    """

    instance_id: str
    carriers: tuple[tuple[Carrier, str | None], ...]
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
    ssh_user: str | None = None
    bills_gpu: bool | None = None
    bills_storage: bool | None = None
    is_partial: bool = False
    """Whether this row has no field for the address, which a read by id has."""

    @property
    def label(self) -> str | None:
        """The text of its first carrier: what the cloud shows people as its label or name."""
        return self.carriers[0][1] if self.carriers else None

    @property
    def label_texts(self) -> tuple[str, ...]:
        """The texts of all carriers that hold one."""
        return tuple(text for _, text in self.carriers if text)

    @property
    def has_address(self) -> bool:
        """Whether it shows where one logs in."""
        return self.ssh_host is not None

    def valid_label(self) -> str | None:
        """The label that proves whose it is: the first valid one (S4)."""
        return next((text for text in self.label_texts if parse_label(text) is not None), None)

    def owner(self) -> Label | None:
        """Whose it is, by its first valid label (S4)."""
        return parse_label(self.valid_label())

    def labelled_hard_max(self) -> int | None:
        """The hard maximum (wall µs) that its label names, the earliest one where its carriers do not agree.

        None where none names one. It is a claim, for an instance without a record.
        """
        owner = self.owner()
        if owner is None:
            return None
        carried = [parse_label(text) for text in self.label_texts]
        return min((c.hard_max_at for c in carried if c and c.hard_max_at and owner.is_same_attempt(c)), default=None)
