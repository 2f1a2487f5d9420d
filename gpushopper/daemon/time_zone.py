"""The user's time zone, in which days and months are counted: the configured one, else this computer's."""

from __future__ import annotations

from datetime import tzinfo
from zoneinfo import ZoneInfo

from tzlocal import get_localzone

from gpushopper.config import MoneySettings


def user_zone(settings: MoneySettings) -> tzinfo:
    """The zone for as long as this daemon runs: days must not change their bounds under a sum."""
    return get_localzone() if settings.time_zone is None else ZoneInfo(settings.time_zone)
