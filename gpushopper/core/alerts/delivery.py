"""What follows when a channel takes an alert or does not: when it is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gpushopper.core.timing.clock_snapshot import us

FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 3600.0
MOST_TRIES = 80
"""Of one alert, where the channel does not answer: some three days of this computer's being on."""
WORRY_TRIES = 10
"""After as many failures, an hour and a half, a person is told by an alarm."""
MOST_REFUSALS = 5
"""Of one alert that the channel refuses, such as a form it does not take: others wait behind it."""
MOST_WAITING = 500
"""Alerts that wait for one channel; with more the oldest are given up, for the newest say what holds now."""


class Result(StrEnum):
    """What came of one try."""

    DELIVERED = "delivered"
    UNREACHABLE = "unreachable"
    """No answer, or one that says: later."""
    REFUSED = "refused"
    """An answer that would be the same for the same alert."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One try. `problem` has no secret in it, and nothing that a receiver wrote; `pause_s` is how long it asked for."""

    result: Result
    problem: str = ""
    pause_s: float = 0.0


DELIVERED = Outcome(Result.DELIVERED)


class Verdict(StrEnum):
    """What becomes of an alert after a try."""

    DONE = "done"
    AGAIN = "again"
    GIVE_UP = "give_up"
    GIVE_UP_ALL = "give_up_all"
    """With all that wait for the channel: it has not answered for days, and each would have to wait as long."""


def verdict(outcome: Outcome, tries: int) -> Verdict:
    """Decide after the last of `tries`."""
    match outcome.result:
        case Result.DELIVERED:
            return Verdict.DONE
        case Result.REFUSED:
            return Verdict.GIVE_UP if tries >= MOST_REFUSALS else Verdict.AGAIN
        case Result.UNREACHABLE:
            return Verdict.GIVE_UP_ALL if tries >= MOST_TRIES else Verdict.AGAIN


def pause_us(outcome: Outcome, tries: int) -> int:
    """How long, µs of the boot clock, until the channel is tried again: doubled each time, at most an hour."""
    doubled = FIRST_PAUSE_S * 2 ** min(tries - 1, 20)
    return us(min(max(doubled, outcome.pause_s), LONGEST_PAUSE_S))
