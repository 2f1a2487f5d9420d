"""Which Python a live instance has: the system's own, otherwise the one that runs the sandbox."""

from __future__ import annotations

import sys
from pathlib import Path


def find_python(programs: Path) -> list[str]:
    """Return the folders to mount inside for a Python; empty when the system's programs include one."""
    if (programs / "python3").exists() or Path(sys.base_prefix).is_relative_to("/usr"):
        return []
    return [sys.base_prefix]
