"""What an instance says of itself over ssh, and what its silence means (D8, F49, F85)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class GuardStatus:
    """The guard's own words. Seconds are the instance's; `seq` is the number of the last renewal it took.

    `armed` is true only when its self-test passed: the instance's key was seen to reach its own instance. `why` says
    what is wrong otherwise.
    """

    armed: bool
    why: str
    left_s: int
    max_left_s: int
    seq: int
    holders: int


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the instance really has: None or empty where it does not say."""

    gpus: tuple[str, ...] = ()
    vram_mb: int | None = None
    driver: str = ""
    cuda: str = ""
    disk_gb: float | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One whole answer over a login with the pinned host key: proof of life (T5). `guard` is None where none runs."""

    guard: GuardStatus | None
    hardware: Hardware


class ProbeFailureKind(Enum):
    """Why there is no heartbeat."""

    UNREACHABLE = "unreached"
    """Refused, timed out, cut: nobody answers there yet, or any more."""
    NO_LOGIN = "no_login"
    """An ssh server answers and does not take our key (F13)."""
    HOST_KEY = "host_key"
    """Another host key than the pinned one: nothing automatic is done there any more (I24)."""
    MALFORMED = "garbage"
    """A login, and an answer that is too long, too slow or not ours to read (I18)."""
    LOCAL = "local"
    """This computer could not ask: no thread, no ssh, no file. Nothing is known of the instance (I11)."""


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """No heartbeat; `detail` is one clean line for people."""

    kind: ProbeFailureKind
    detail: str


@dataclass(frozen=True, slots=True)
class GuardRenewal:
    """Seconds still to live, counted from now, and a number above every earlier one (D7)."""

    seq: int
    left_s: int


@dataclass(frozen=True, slots=True)
class SshTarget:
    """Where and as whom to log in: the attempt's pinned host key and its session's ssh key belong to it."""

    session_id: str
    attempt_id: str
    host: str
    port: int
    user: str = "root"
