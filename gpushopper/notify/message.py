"""One alert as channels send it: an id by which a repetition is noticed, and a text for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from gpushopper.core.alerts.alert import Alert, Topic
from gpushopper.core.timing.clock_snapshot import MINUTE, SECOND

TITLE = "GPU Shopper"
REAL = "real"
"""The name of the policy for clouds that really bill."""
_COMMAND = re.compile(r"gpu-shopper (?=[a-z])")
LATE_US = 10 * MINUTE
"""Told later than this, an alert says when it happened."""
LONGEST = 1500
"""Characters of a text; Discord takes 2,000."""

_TYPES = {Topic.ENDED: "session.ended", Topic.RUNS: "run.ended", Topic.TEST: "test"}


@dataclass(frozen=True, slots=True)
class Message:
    """An alert with what its channel needs besides. `sent_at` is wall µs, `zone` the user's time zone."""

    id: str
    alert: Alert
    sent_at: int
    zone: tzinfo = UTC
    policy: str = REAL
    """The daemon's: any other than `real` is of a sandbox."""

    @property
    def title(self) -> str:
        """Who tells it; an alert of the sandbox must not look as if a real cloud billed."""
        return TITLE if self.policy == REAL else f"{TITLE} (sandbox)"

    @property
    def hint(self) -> str:
        """What can be done; commands of the sandbox with its option, so that they work when pasted."""
        hint = _line(self.alert.hint)
        return hint if self.policy == REAL else _COMMAND.sub("gpu-shopper --sandbox ", hint)

    @property
    def type(self) -> str:
        """The name of what happened, as a receiver may sort by it."""
        alert = self.alert
        if alert.topic is Topic.ENDS_SOON:
            return f"session.{alert.kind}"
        return _TYPES.get(alert.topic, f"alarm.{alert.kind}")

    @property
    def text(self) -> str:
        """What happened and what can be done, as plain text in one or two lines."""
        alert, late = self.alert, ""
        if self.sent_at - alert.at > LATE_US:
            late = f" (at {datetime.fromtimestamp(alert.at / SECOND, self.zone):%Y-%m-%d %H:%M})"
        lines = [f"{_line(alert.text)}{late}", self.hint]
        return "\n".join(line for line in lines if line)[:LONGEST]

    def as_json(self) -> dict[str, Any]:
        """The message as a receiver's program reads it (Standard Webhooks: type, timestamp, data)."""
        alert = self.alert
        moment = datetime.fromtimestamp(alert.at / SECOND, UTC).isoformat(timespec="milliseconds")
        data = {
            "text": _line(alert.text), "hint": self.hint, "kind": alert.kind, "topic": alert.topic.value,
            "session": alert.session or None, "name": alert.name or None, "event": alert.event,
            "urgent": alert.is_urgent, "policy": self.policy,
        }  # fmt: skip
        return {"type": self.type, "timestamp": moment, "data": data}


def _line(text: str) -> str:
    """Without what is not printed: part of a text may come from a rented host."""
    return "".join(char if char.isprintable() else " " for char in text).strip()
