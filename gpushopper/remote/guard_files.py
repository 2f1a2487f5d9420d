"""Load the guard's scripts from agent/, strip and pack them; where the guard is installed on an instance (S29, S33)."""

from __future__ import annotations

import base64
import gzip
import re
from importlib import resources
from pathlib import Path

FOLDER, SCRIPT, OVER_SSH = ".gs-guard", "guard.sh", "over_ssh.sh"
END_MARK = "END"
"""Name of the deadline in a guard's first line. Older guards lack it, and answer `status` and `renew` by themselves."""

FOLDERS = "eval H=~$(id -un); for D in $H /var/lib /var/tmp /dev/shm /tmp"
"""The head of a shell loop over the folders where a guard may lie: the user's home, else what a read-only root leaves.

A guard stays in the folder it has: on a full disk a restart must not begin anew beside the old state (F89).
"""

SHORT_NAMES = {
    "answer": "a", "since": "s", "next": "y", "text": "t", "now": "w", "field": "f", "ours": "o", "late": "l",
    "resume": "q", "line": "i", "code": "h", "destroy": "d",
}  # fmt: skip
"""The guard's own names, and what they are called in a packed one: letters that it does not use."""


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


def shortened(script: str) -> str:
    """Replace the guard's own names by single letters. What over_ssh.sh uses keeps its name: guards differ in age."""
    for name, letter in SHORT_NAMES.items():
        script = re.sub(rf"(?<![\w./-]){name}(?![\w./-])", letter, script)
    return script


def pack(script: str) -> str:
    """Compress a guard to base64 text, which every provider's boot script carries unchanged."""
    return base64.b64encode(gzip.compress(shortened(script).encode(), 9, mtime=0)).decode()
