"""What `sandbox` prints for programs: rows and answers of its control surface, spelt as that spells them.

Times are RFC 3339 and amounts text in dollars already: `json_output` converts none of their fields.
"""

from __future__ import annotations

from typing import TypedDict


class SandboxSsh(TypedDict):
    """Where a live instance's ssh server listens."""

    host: str
    port: int
    user: str


class SandboxLive(TypedDict):
    """A live instance that has processes now; `pid` is its first process as seen from here."""

    id: str
    ssh: SandboxSsh
    disk: str
    log: str
    supervisor: int
    pid: int | None
    ready: bool


class SandboxCloud(TypedDict):
    """One simulated cloud: where it answers, and keys of its two accounts."""

    url: str
    keys: dict[str, str]


class SandboxRegistry(TypedDict):
    """The login at the simulated image registry, and a private image there."""

    host: str
    user: str
    token: str
    image: str


class SandboxInstance(TypedDict):
    """One instance that ever existed, with what it has cost."""

    id: str
    provider: str
    label: str | None
    state: str
    foreign: bool
    created_at: str
    ended_at: str | None
    ended_by: str | None
    gpu_seconds: int
    storage_seconds: int
    usd: str
    gpu_usd: str
    storage_usd: str
    traffic_usd: str
    account: str
    env_label: str | None
    stopped_by: str | None


class SandboxOutcome(TypedDict):
    """What a request did, and what its caller was told."""

    effect: str
    reply: str


class SandboxCreate(TypedDict):
    """One create that was received."""

    provider: str
    label: str | None
    env_label: str | None
    at: str
    outcome: SandboxOutcome
    ids: list[str]


class SandboxDestroy(TypedDict):
    """One destroy that was received, or an end by someone else."""

    provider: str
    id: str
    at: str
    by: str
    outcome: SandboxOutcome


class SandboxFault(TypedDict):
    """One fault that was set; `line` has the words that set it again."""

    id: int
    provider: str
    call: str
    word: str
    arg: str | None
    count: int | None
    until: str | None
    instance: str | None
    chance: int
    after: int
    acted: int
    chosen: str | None
    active: bool
    line: str


class SandboxWord(TypedDict):
    """A word of faults: the calls it acts on, its argument, the clouds that have nothing it could act on."""

    word: str
    calls: list[str]
    argument: str
    without: list[str]
