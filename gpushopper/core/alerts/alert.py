"""Which events become alerts, about what, and which of them a channel is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gpushopper.core import alarms


class Topic(StrEnum):
    """What alerts are about; a channel names those that it is told."""

    BUDGETS = "budgets"
    ENDS_SOON = "ends-soon"
    ENDED = "ended"
    RUNS = "runs"
    ALARMS = "alarms"
    TEST = "test"
    """Only what `notify test` sends; no channel names it."""


TOPICS = tuple(topic for topic in Topic if topic is not Topic.TEST)
KINDS = frozenset(alarms.HINTS)
"""The kinds of alarm, each of which a channel may name in place of the topic of all of them."""

_BY_EVENT = {
    "ends_soon": Topic.ENDS_SOON,
    "ending": Topic.ENDS_SOON,
    "ending_withdrawn": Topic.ENDS_SOON,
    "ended": Topic.ENDED,
    "run_ended": Topic.RUNS,
}
_BUDGETS = "budget_"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell. `kind` is the event's or, of an alarm, the alarm's; `at` when it happened, wall µs.

    `event` is the event's id, by which a receiver notices a repetition. `hint`: what can be done. `about`: the channel
    that an alarm about an undelivered alert is about. `session` and `name`: the session's id, and what it is called.
    """

    event: int
    at: int
    topic: Topic
    kind: str
    text: str
    hint: str = ""
    session: str = ""
    about: str = ""
    name: str = ""

    @property
    def is_urgent(self) -> bool:
        """Whether a person should look at it now."""
        return self.topic in (Topic.ALARMS, Topic.BUDGETS, Topic.ENDS_SOON)


def alert_of(
    event: int, at: int, kind: str, text: str, data: Mapping[str, Any], session: str | None = None
) -> Alert | None:
    """The alert of an event; None for what is only history."""
    of = session or ""
    if kind in _BY_EVENT:
        return Alert(event, at, _BY_EVENT[kind], kind, text, session=of)
    if kind != "alarm":
        return None
    alarm = str(data.get("kind", ""))
    topic = Topic.BUDGETS if alarm.startswith(_BUDGETS) else Topic.ALARMS
    about = str(data.get("subject", "")) if alarm == alarms.ALERT_UNDELIVERED else ""
    return Alert(event, at, topic, alarm, text, str(data.get("hint", "")), of, about)


def is_wanted(alert: Alert, on: Collection[str], channel: str) -> bool:
    """Whether a channel that is told of these topics and kinds is told of this; of its own failure only others are."""
    return alert.about != channel and (alert.topic.value in on or alert.kind in on)


def unknown_words(on: Collection[str]) -> list[str]:
    """Those that are neither a topic nor a kind of alarm."""
    return [word for word in on if word not in TOPICS and word not in KINDS]
