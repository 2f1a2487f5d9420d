"""What the market tells a supervisor: once what to run, then again and again how things stand."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Task:
    """The first line: one instance. `uptime_s` is how long its host had been up when the container started."""

    id: int
    port: int
    env: dict[str, str]
    missing: dict[str, list[str]]
    extra: list[str]
    command: list[str]
    onstart: str | None
    boot_id: str
    uptime_s: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Every line after it, whole: keys that may log in, what the host plays, what the GPUs and the rest of the
    machine are."""

    keys: list[str]
    gpu: dict[str, str]
    machine: dict[str, str]
    answers: bool = True
    online: bool = True
    locked: bool = False
    host_key: int = 0
    skew_s: int = 0
    disk_full: bool = False
    sweeps: int = 0
    """How often agents were to be killed; a higher number means once more."""
    hunted: list[str] = field(default_factory=list)
    """Words of command lines whose processes are killed whenever they are seen."""
    swept: list[str] = field(default_factory=list)
    """Words of command lines whose processes are killed at a new sweep."""
