"""The few variables OpenSSH gets from us: no agent, no key, no setting of the user's (D15)."""

from __future__ import annotations

import os
from collections.abc import Mapping

KEPT = ("PATH", "HOME", "TERM")


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child process of ours may know; its words are English, so that they can be told apart."""
    found = os.environ if variables is None else variables
    return {**{name: found[name] for name in KEPT if name in found}, "LC_ALL": "C"}
