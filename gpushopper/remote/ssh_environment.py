"""The environment variables of ssh and ssh-keygen: no agent, no API key, no locale of the user's (D15)."""

from __future__ import annotations

import os
from collections.abc import Mapping

KEPT = ("PATH", "HOME", "TERM")


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a child process; C locale, so that its error messages can be classified."""
    found = os.environ if variables is None else variables
    return {**{name: found[name] for name in KEPT if name in found}, "LC_ALL": "C"}
