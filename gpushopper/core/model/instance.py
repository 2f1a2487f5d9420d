"""Instances as values: one row of a provider's list, and the label that proves an instance ours (D3, S4)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from enum import Enum

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

    def owner(self) -> Owner | None:
        """Whose it is by its label or environment variable; the label wins where both are valid (S4)."""
        return parse_label(self.label) or parse_label(self.env_label)
