"""The warning about a full or nearly full disk, printed after every command and in `status` (F67)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gpushopper.paths import FREE_FLOOR

if TYPE_CHECKING:
    from gpushopper.paths import Home


def disk_warning(home: Home) -> str:
    """One line if the home folder's disk has too little free space; empty otherwise."""
    try:
        state = os.statvfs(home.data)
    except OSError:
        return ""  # the folder does not exist yet
    free = state.f_bavail * state.f_frsize
    return f"the disk of {home.data} is {low_disk_text(free)}" if free < FREE_FLOOR else ""


def low_disk_text(free: int) -> str:
    """The state of a disk with `free` bytes, and what still works on it."""
    word = f"nearly full, {free / 1e6:.0f} MB free" if free >= 1e6 else "full"
    return f"{word}: nothing new is rented, sessions can be ended; free some space"
