"""Request and response types about what was sent to which host; values of variables are in none of them (I21)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class SentRequest:
    """POST /sessions/{id}/sent: what a command is about to send to the instance of one attempt."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    attempt: str
    means: str
    target: str
    files: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SentRecorded:
    """How much of it is recorded: all, before the answer."""

    count: int


@dataclass(frozen=True, slots=True)
class SentView:
    """A file or folder of this computer (`kind` file), or a variable, and when it began to be sent (wall µs)."""

    kind: str
    at: int
    means: str
    name: str
    target: str


@dataclass(frozen=True, slots=True)
class CustodyRow:
    """What one attempt's host was given. `host` is its id at the cloud, empty where the cloud says none.

    `reached`: host, cloud (the create made no instance), or unknown. `variables`: names, of the create and of runs.
    `registry`: whose login the create carried. `has_hook`: a script of `--before-end`.
    """

    session: str
    name: str
    attempt: str
    provider: str
    cloud: str
    host: str
    region: str
    instance_id: str | None
    reached: str
    sent_at: int | None
    ended_at: int | None
    variables: list[str]
    registry: str
    has_hook: bool
    sent: list[SentView]


@dataclass(frozen=True, slots=True)
class Custody:
    """All that was sent. `rotate`: secrets by their names; `look_at`: what may have a secret in it."""

    hosts: list[CustodyRow]
    rotate: list[str]
    look_at: list[str]
