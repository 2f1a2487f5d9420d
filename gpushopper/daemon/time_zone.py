"""The user's time zone, in which days and months are counted: the configured one, else this computer's."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from tzlocal import get_localzone

from gpushopper.config import MoneySettings

UNNAMED = "local"
"""What tzlocal calls a zone whose rules this computer has without their name, as many containers do."""
_FILES = (Path("/etc/localtime"), Path("/usr/local/etc/localtime"))
"""Where tzlocal reads such rules, the first that exists."""


def user_zone(settings: MoneySettings) -> tzinfo:
    """The zone for as long as this daemon runs: days must not change their bounds under a sum."""
    return with_name(get_localzone()) if settings.time_zone is None else ZoneInfo(settings.time_zone)


def with_name(zone: tzinfo, files: Iterable[Path] = _FILES) -> tzinfo:
    """The zone; an unnamed one by its rules, for sums by day are kept under the name of their zone (F115).

    Otherwise the sums of one unnamed zone would be looked up by the days of another, where a budget would find nothing.
    """
    found = next((path for path in files if path.exists()), None)
    if str(zone) != UNNAMED or found is None:
        return zone
    rules = found.read_bytes()
    return ZoneInfo.from_file(io.BytesIO(rules), key=f"{UNNAMED}-{hashlib.sha256(rules).hexdigest()[:8]}")
