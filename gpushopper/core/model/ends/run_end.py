"""The permission that a finished run may end its instance: a row here before it is set there (ends.md E5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunEndMode(StrEnum):
    """After which runs the instance ends."""

    ALWAYS = "always"
    SUCCESS = "success"
    """After a failed run the instance is kept for a while (ends.md E6)."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """One run that may end its session. Times are wall µs; `hold_us` is how long results are waited for at most.

    `hold_us` None: until the deadline.
    """

    session_id: str
    run_id: str
    mode: RunEndMode
    with_pull: bool
    set_at: int
    hold_us: int | None = None
