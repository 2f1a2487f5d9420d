"""Load the guard's scripts from agent/, strip and pack them; where the guard is installed on an instance (S29, S33)."""

from __future__ import annotations

import base64
import gzip
from importlib import resources
from pathlib import Path

FOLDER, SCRIPT, OVER_SSH = ".gs-guard", "guard.sh", "over_ssh.sh"
END_MARK = "END"
"""Name of the deadline in a guard's first line. Older guards lack it, and answer `status` and `renew` by themselves."""

FOLDERS = "eval H=~$(id -un); for D in $H /var/lib /var/tmp /dev/shm /tmp"
"""The head of a shell loop over the folders where a guard may lie: the user's home, else what a read-only root leaves.

A guard stays in the folder it has: on a full disk a restart must not begin anew beside the old state (F89).
"""


def agent_script(name: str) -> str:
    """Load a script of agent/: from the wheel, or from the checkout in an editable install (S33)."""
    packed = resources.files("gpushopper.remote") / name
    if packed.is_file():
        return packed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "agent" / name).read_text(encoding="utf-8")


def guard_script() -> str:
    """Load agent/guard.sh, which the boot script installs."""
    return agent_script(SCRIPT)


def stripped(script: str) -> str:
    """Remove comments, blank lines and indentation: a provider limits the number of characters."""
    lines = (line.lstrip() for line in script.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


def pack(script: str) -> str:
    """Compress a script to base64 text, which every provider's boot script carries unchanged."""
    return base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode()
