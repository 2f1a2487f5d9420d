"""The section `[alerts.NAME]`: a channel that alerts are sent over, and what it is told. Its address is no setting.

Addresses often are keys, as at Slack and Discord, and are stored like them (`secrets/alert_targets.py`).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import StrEnum

from gpushopper.config.value_forms import Invalid, as_flag, as_text, as_texts, read_by
from gpushopper.core.alerts.alert import TOPICS, unknown_words


class ChannelKind(StrEnum):
    """How a channel is spoken to."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    DISCORD = "discord"
    NTFY = "ntfy"
    DESKTOP = "desktop"
    COMMAND = "command"

    @property
    def has_address(self) -> bool:
        """Whether it is reached over the network."""
        return self not in (ChannelKind.DESKTOP, ChannelKind.COMMAND)


def as_kind(value: object) -> ChannelKind:
    try:
        return ChannelKind(as_text(value))
    except ValueError:
        raise Invalid(f"one of {', '.join(ChannelKind)}") from None


def as_topics(value: object) -> tuple[str, ...]:
    words = as_texts(value)
    if not words or unknown_words(words):
        raise Invalid(f"some of {', '.join(TOPICS)}, or kinds of alarm")
    return words


def as_command(value: object) -> tuple[str, ...]:
    """Words of a command: a list, or one text that is split as a shell would, without expanding anything."""
    try:
        words = tuple(shlex.split(as_text(value))) if isinstance(value, str) else as_texts(value)
    except ValueError:
        words = ()
    if not words or not words[0].startswith("/"):
        raise Invalid("a command that begins with the whole path of a program")
    return words


@dataclass(frozen=True, slots=True)
class AlertChannel:
    """One channel. `on`: the topics and kinds of alarm that it is told; `command`: argv, of the kind `command`."""

    kind: ChannelKind | None = field(default=None, metadata=read_by(as_kind))
    on: tuple[str, ...] = field(default=tuple(TOPICS), metadata=read_by(as_topics))
    command: tuple[str, ...] = field(default=(), metadata=read_by(as_command))
    enabled: bool = field(default=True, metadata=read_by(as_flag))
