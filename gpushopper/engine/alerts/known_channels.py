"""Which channels alerts are made for: one that the settings lack suddenly may only be missing while they are saved."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gpushopper.config.alert_channels import AlertChannel
from gpushopper.core.timing.clock_snapshot import MINUTE, ClockSnapshot

GONE_US = MINUTE
"""A channel that has been lacking for as long was removed: an editor that saves a file cuts it for a moment."""

Told = Mapping[str, AlertChannel | None]
"""Channels by name; None where the settings of one are not known."""


class KnownChannels:
    """Remembers channels that the settings lack, until they have been lacking for a while."""

    def __init__(self) -> None:
        self._last: dict[str, AlertChannel] = {}
        self._lacking_since: dict[str, int] = {}
        """By name, µs of the boot clock."""

    def told(self, present: Mapping[str, AlertChannel], waiting: Collection[str], now: ClockSnapshot) -> Told:
        """The channels that alerts are made for: those of the settings, and those that have just been lacking.

        `waiting`: for which alerts wait; of one that was never seen here, None. What is switched off is not told.
        """
        for name in {*self._last, *waiting} - set(present):
            self._lacking_since.setdefault(name, now.boot)
        for name in list(self._lacking_since):
            if name in present or now.boot - self._lacking_since[name] >= GONE_US:
                del self._lacking_since[name]
                self._last.pop(name, None)
        self._last |= {name: channel for name, channel in present.items() if channel.enabled}
        for name, channel in present.items():
            if not channel.enabled:
                self._last.pop(name, None)
        return {**dict.fromkeys(self._lacking_since), **self._last}
