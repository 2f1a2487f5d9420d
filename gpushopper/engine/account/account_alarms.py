"""Alarms about an account: key rejected or missing, clock skew, responses of a form that is not known (F62, F81)."""

from __future__ import annotations

from gpushopper.core import alarms
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree
from gpushopper.providers.base import ErrorKind, Provider, ReadFailed
from gpushopper.secrets.refused_key import refusal

MOST_UNKNOWN = 5
"""At most so many unknown things get an alarm each: more of them would tell a person nothing new."""


def key_rejected_alarms(value: ReadFailed, name: str, source: str) -> list[Action]:
    """An alarm where a read failed because the provider rejects the key; `source` is where that is from."""
    if value.error_kind is not ErrorKind.AUTH:
        return []
    return [RaiseAlarm.with_hint(alarms.KEY_REJECTED, name, f"{refusal(name, source)}: {value.detail}")]


def missing_key_alarm(name: str, problem: str, hint: str) -> RaiseAlarm:
    """Something is rented on an account that cannot be called: there is no usable key (F105)."""
    hint = f"{hint}; until then, end what must end at CONSOLE"
    return RaiseAlarm(alarms.DEGRADED, name, f"{name} cannot be called: {problem}", hint)


def unknown_response_alarms(name: str, client: Provider | None) -> list[Action]:
    """An alarm for each field or value in the provider's responses that this version does not know (F81)."""
    unknown = sorted(client.unknown_fields) if client is not None else []
    hint = alarms.HINTS[alarms.UNKNOWN_RESPONSE]
    text = f"{name} answers in a way this version does not know"
    return [
        RaiseAlarm(alarms.UNKNOWN_RESPONSE, f"{name}: {what}", f"{text}: {what}", hint)
        for what in unknown[:MOST_UNKNOWN]
    ]


def clock_alarms(name: str, now: ClockSnapshot) -> list[Action]:
    """Raised, and nothing is rented, while our clock and the provider's are too far apart (F62, I12)."""
    if not clocks_disagree(now):
        return [ClearAlarm(alarms.CLOCK_SKEW, name)]
    text = f"this computer's clock and {name}'s are more than two minutes apart"
    return [RaiseAlarm.with_hint(alarms.CLOCK_SKEW, name, text)]
