"""The values of one ssh probe: heartbeat, guard status, hardware, or the kind of failure (D8, F49, F85).

Values only: the rules about them are in `core/lifecycle/reachability.py`, the parsing in `remote/heartbeat_probe.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gpushopper.core.model.ends.agent_report import AgentReport


@dataclass(frozen=True, slots=True)
class GuardStatus:
    """What the guard reports. Seconds are the instance's; `seq` is the number of the last renewal it accepted.

    `armed` is true only when its self-test passed: the instance's key was seen to reach its own instance. `why` is the
    reason otherwise. `holders` is the number of guard processes that run.

    `ends` are the ends before the deadline that it obeys, as reason and seconds from now, the earliest first;
    `bad_ends` names end files that it does not obey (ends.md E4). An older guard knows none: `knows_ends` is false.
    `parts` is the checksum of what was brought to the instance later, as cksum(1) has it; empty where one is missing.
    """

    armed: bool
    why: str
    left_s: int
    max_left_s: int
    seq: int
    holders: int
    ends: tuple[tuple[str, int], ...] = ()
    knows_ends: bool = False
    parts: str = ""
    bad_ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hardware:
    """The hardware that the instance reports: None or empty where it does not."""

    gpus: tuple[str, ...] = ()
    vram_mb: int | None = None
    driver: str = ""
    cuda: str = ""
    disk_gb: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkCount:
    """Bytes that the instance's interfaces, local ones left out, have received and sent since it started."""

    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of bringing our programs and the limits: the checksum that is there now, or what went wrong.

    `done`: what a login there types when its work is done; empty where that is not there.
    """

    checksum: str = ""
    problem: str = ""
    done: str = ""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One complete answer over ssh with the pinned host key: it lives (T5). `guard` is None where none runs.

    `agent` is its report of use, where there is one; `brought` is None where nothing was to be brought.
    """

    guard: GuardStatus | None
    hardware: Hardware
    agent: AgentReport | None = None
    brought: Brought | None = None
    network: NetworkCount | None = None
    """None where it does not say."""


class ProbeFailureKind(Enum):
    """Why there is no heartbeat."""

    UNREACHABLE = "unreached"
    """Refused, timed out or cut: no ssh server answers yet, or any more."""
    NO_LOGIN = "no_login"
    """An ssh server answers and rejects our key (F13)."""
    HOST_KEY = "host_key"
    """The host key is not the pinned one: no automatic connection is made any more (I24)."""
    MALFORMED = "garbage"
    """The login worked, but the answer is too long, too slow or malformed (I18)."""
    LOCAL = "local"
    """This computer could not probe: no thread, no ssh, no file. Nothing is known of the instance (I11)."""


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """A probe without a heartbeat; `detail` is one line of text for people."""

    kind: ProbeFailureKind
    detail: str


@dataclass(frozen=True, slots=True)
class GuardRenewal:
    """A new deadline for the guard: seconds from now, and a number above every earlier one (D7)."""

    seq: int
    left_s: int


@dataclass(frozen=True, slots=True)
class SshTarget:
    """Address and user of an ssh login; host key and ssh key are found by its attempt and session."""

    session_id: str
    attempt_id: str
    host: str
    port: int
    user: str = "root"
