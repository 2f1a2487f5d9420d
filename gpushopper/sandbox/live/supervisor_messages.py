"""The messages that the sandbox sends to a supervisor: first what to run, then the state of its host at each change."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """The first message: what to run. `uptime_s` is how long the host had been up when the container started.

    `user` is whom one logs in as beside root at a virtual machine, None at a container; `first_boot` is the script that
    a machine runs once.
    """

    id: int
    port: int
    env: dict[str, str]
    missing: dict[str, list[str]]
    extra: list[str]
    command: list[str]
    onstart: str | None
    boot_id: str
    uptime_s: float
    user: str | None = None
    first_boot: str | None = None


@dataclass(frozen=True, slots=True)
class HostState:
    """Each message after it, always complete: attached ssh keys, what host faults have changed, GPUs and hardware."""

    keys: list[str]
    gpu: dict[str, str]
    hardware: dict[str, str]
    ssh_open: bool = True
    online: bool = True
    refuse_logins: bool = False
    host_key: int = 0
    skew_s: int = 0
    disk_full: bool = False
    kill_count: int = 0
    """How often `agent_kill` has acted; at a higher number, `kill_patterns` are killed once more."""
    kill_always: list[str] = field(default_factory=list)
    """Words of command lines whose processes are killed at every tick."""
    kill_patterns: list[str] = field(default_factory=list)
    """Words of command lines whose processes are killed once."""
