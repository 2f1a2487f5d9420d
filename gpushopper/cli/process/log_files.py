"""The daemon's log as files: the last lines, also where it was rotated a moment ago (`gpushopper/log.py`)."""

from __future__ import annotations

from collections import deque
from pathlib import Path


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines, oldest first, from older files where the newest has fewer.

    Raises:
        FileNotFoundError: there is no log.
    """
    found: list[str] = []
    file, number = path, 0
    while len(found) < count and (file.exists() or file is path):
        with file.open(encoding="utf-8", errors="replace") as log:
            found[:0] = deque((line.rstrip("\n") for line in log), maxlen=count - len(found))
        number += 1
        file = path.with_name(f"{path.name}.{number}")
    return found
