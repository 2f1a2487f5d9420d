"""The sandbox's clock: wall time plus an offset kept in a file (`clock-offset`), which `sandbox advance` increases."""

from __future__ import annotations

import os
import time
from pathlib import Path

OFFSET_FILE = "clock-offset"


class SandboxClock:
    """Real wall clock plus `<market dir>/clock-offset` (integer microseconds as text).

    The product reads the same file, so advancing the sandbox looks like a suspended computer to it (S26).
    Simulations pass a plain callable instead.
    """

    def __init__(self, market_dir: Path) -> None:
        self._path = market_dir / OFFSET_FILE

    def __call__(self) -> int:
        """Return the sandbox's time in integer UTC microseconds."""
        return time.time_ns() // 1000 + self.offset()

    def offset(self) -> int:
        """Return the microseconds the sandbox is ahead of the wall clock; 0 when never advanced."""
        try:
            return int(self._path.read_text())
        except FileNotFoundError:
            return 0

    def advance(self, micros: int) -> int:
        """Move the clock forward and return the new offset; raises ValueError when negative."""
        if micros < 0:
            raise ValueError("the market's clock only moves forward")
        offset = self.offset() + micros
        partial = self._path.with_suffix(".partial")
        with partial.open("w") as file:
            file.write(str(offset))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        return offset
