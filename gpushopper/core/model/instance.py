"""Instances as values: one row of a provider's list, and the label that proves an instance ours (D3, S4)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from enum import Enum

from gpushopper.core.cloud import Carrier
from gpushopper.core.model.money import Micros

LABEL_LENGTH = 36
_PATTERN = re.compile(r"gs1-([a-z2-7]{10})-([a-z2-7]{16})-([a-z2-7]{4})")

LABEL_VARIABLE = "GS_LABEL"
"""Environment variable of the instance that carries the label a second time (S4)."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The content of a valid label: which installation and which attempt."""

    installation: str
    attempt: str


def _check(installation: str, attempt: str) -> str:
    digest = hashlib.sha256(f"gs1-{installation}-{attempt}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:4]


def make_label(installation: str, attempt: str) -> str:
    """`gs1-<installation 10>-<attempt 16>-<check 4>`, base32 in lower case, always 36 characters."""
    label = f"gs1-{installation}-{attempt}-{_check(installation, attempt)}"
    if parse_label(label) is None:
        raise ValueError("installation or attempt id is not of the label's form")
    return label


def parse_label(text: str | None) -> Owner | None:
    """The owner, only for text this module could have made: exact length, case and check characters (I3)."""
    match = _PATTERN.fullmatch(text) if text else None
    if match is None or match[3] != _check(match[1], match[2]):
        return None
    return Owner(installation=match[1], attempt=match[2])


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

    def owner(self) -> Owner | None:
        """Whose it is, by its first valid label."""
        return parse_label(self.valid_label())
