"""Channels of alerts, as responses of the local API."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One channel. `problem` is why the alert that is next was not taken; `on` are topics and kinds of alarm."""

    name: str
    kind: str
    on: list[str] = field(default_factory=list)
    enabled: bool = True
    waiting: int = 0
    problem: str = ""
    delivered_at: int | None = None


@dataclass(frozen=True, slots=True)
class Channels:
    channels: list[ChannelView]


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """Whether a test message was taken, and why not."""

    channel: str
    delivered: bool
    problem: str = ""
