"""Tells this computer's own lost network from the silence of instances and clouds (F127)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gpushopper.core import alarms
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm

THIS_COMPUTER = "this computer"
"""The subject of the alarm."""
OFFLINE_TEXT = "this computer is offline"
"""Without a time of day: alarms and events have one of their own, shown in the reader's zone."""
SSH, LIST = "ssh", "list"


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """What has failed to answer since anything last did: since when (wall µs), by what it was and its cloud."""

    silent: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def answered(self) -> OwnNetwork:
        """Anything has answered: this computer is online."""
        return OwnNetwork() if self.silent else self

    def unanswered(self, what: str, cloud: str, wall: int) -> OwnNetwork:
        """An instance (SSH) or an account's list (LIST) at this cloud could not be reached."""
        if (what, cloud) in self.silent:
            return self
        return replace(self, silent={**self.silent, (what, cloud): wall})

    @property
    def offline_since(self) -> int | None:
        """Since when this computer counts as offline; None while one cloud or one host alone may be to blame.

        Instances at two clouds are silent, or an instance and a list; and nothing has answered meanwhile.
        """
        by_ssh = [cloud for what, cloud in self.silent if what == SSH]
        has_list = any(what == LIST for what, _ in self.silent)
        if by_ssh and (has_list or len(by_ssh) > 1):
            return min(self.silent.values())
        return None


def offline_alarm(since: int | None) -> Action:
    """The one alarm about this computer, in place of one about each instance."""
    if since is None:
        return ClearAlarm(alarms.OFFLINE, THIS_COMPUTER)
    return RaiseAlarm.with_hint(alarms.OFFLINE, THIS_COMPUTER, OFFLINE_TEXT)
