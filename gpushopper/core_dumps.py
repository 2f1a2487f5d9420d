"""Keep a process that holds keys from being dumped when it crashes (D15)."""

from __future__ import annotations

import resource

AMONG_PROGRAMS = 1
"""Where dumps are piped to a program, Linux ignores every limit but this one (fs/coredump.c); no file is that small."""


def forbid_core_dumps() -> None:
    """No dump of this process and its children, neither to a file nor to a program that collects them."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 0 if most == 0 else AMONG_PROGRAMS
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
