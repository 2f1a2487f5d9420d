"""What is said about a disk that is full, or nearly: under every command, and in `status` (F67)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gpushopper.paths import FREE_FLOOR

if TYPE_CHECKING:
    from gpushopper.paths import Home


def about_disk(home: Home) -> str:
    """One line when too little is free where the home folder lies; empty otherwise."""
    try:
        state = os.statvfs(home.data)
    except OSError:
        return ""  # no such folder yet: nothing of ours is on that disk
    free = state.f_bavail * state.f_frsize
    return f"the disk of {home.data} is {low_disk(free)}" if free < FREE_FLOOR else ""


def low_disk(free: int) -> str:
    """What a disk with so many free bytes still allows."""
    word = f"nearly full, {free / 1e6:.0f} MB free" if free >= 1e6 else "full"
    return f"{word}: nothing new is rented, ending works; free some space"
