"""The variables of ssh and ssh-keygen: no agent, no API key, no locale of the user's (D15), and a small heap."""

from __future__ import annotations

import os
from collections.abc import Mapping

KEPT = ("PATH", "HOME", "TERM")
_MALLOC = {"tcache_count": 0, "mmap_threshold": 8192, "trim_threshold": 0, "top_pad": 0}
SMALL_HEAP = ":".join(f"glibc.malloc.{name}={value}" for name, value in _MALLOC.items())
"""Has glibc give back what an ssh process has freed: one stays for each instance, and would keep 0.1 MB of the login
and of what was sent over it. Elsewhere the variable means nothing."""


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a child process; C locale, so that its error messages can be classified.

    The user's own GLIBC_TUNABLES, as any other variable, is left out.
    """
    found = os.environ if variables is None else variables
    return {**{name: found[name] for name in KEPT if name in found}, "LC_ALL": "C", "GLIBC_TUNABLES": SMALL_HEAP}
