"""Checks of what a session brings home before its end, and of the script that runs there before."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from gpushopper.errors import UsageError

MOST_PULLS = 16
LONGEST_HOOK = 64 * 1024
LAND_US = (MINUTE, 4 * HOUR)
"""The least and the most that a landing may begin before the deadline."""


@dataclass(frozen=True, slots=True)
class LandingWish:
    """As in `core.model.session.Session`."""

    pulls: tuple[tuple[str, str], ...] = ()
    pull_max: int | None = None
    before_end: str = ""
    land_for_us: int | None = None


def requested_landing(request: wire.ProvisionRequest) -> LandingWish:
    """What is asked for.

    Raises:
        UsageError: a folder, a time or the script makes no sense.
    """
    pulls = tuple((there, here) for there, here in request.pulls)
    return _checked(LandingWish(pulls, request.pull_max, request.before_end, request.land_for_us))


def changed_landing(before: LandingWish, request: wire.LimitsRequest) -> LandingWish:
    """What is done before the end after a change: None leaves it as it is, something empty switches it off.

    Raises:
        UsageError: as for `requested_landing`.
    """
    pulls = None if request.pulls is None else tuple((there, here) for there, here in request.pulls)
    given: dict[str, Any] = {
        "pulls": pulls, "before_end": request.before_end,
        "pull_max": request.pull_max, "land_for_us": request.land_for_us,
    }  # fmt: skip
    return _checked(replace(before, **{name: value for name, value in given.items() if value is not None}))


def _checked(request: LandingWish) -> LandingWish:
    for there, here in request.pulls:
        if not there.strip() or not os.path.isabs(here) or not (there + here).isprintable():
            raise UsageError(
                f"{there!r} cannot be pulled to {here!r}", "for instance: --pull out:results", code="bad_pull"
            )
    if len(request.pulls) > MOST_PULLS or (request.pull_max is not None and request.pull_max < 1):
        raise UsageError(f"at most {MOST_PULLS} folders are pulled, and at least a byte", code="bad_pull")
    if len(request.before_end.encode()) > LONGEST_HOOK or "\0" in request.before_end:
        raise UsageError("--before-end has more than 64 kB", "copy a script there, and call that", code="bad_hook")
    least, most = LAND_US
    if request.land_for_us is not None and not least <= request.land_for_us <= most:
        raise UsageError("a landing takes 1 min to 4 h", "for instance: --land-for 15m", code="bad_limit")
    return request
