"""The table of dialects: every cloud that the sandbox simulates. The first is the one that a plain `--port` means."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.sandbox.tensordock import TENSORDOCK
from gpushopper.sandbox.vast import VAST

BUILT_IN: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (VAST, TENSORDOCK)}


def choose(names: str, dialects: Mapping[str, Dialect]) -> tuple[str, ...]:
    """Return the dialects named in `a,b`, in the table's order; raises ValueError for an unknown one."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in dialects]
    if unknown or not wanted:
        raise ValueError(f"unknown cloud: {' '.join(unknown) or '(none)'} (one or more of {','.join(dialects)})")
    return tuple(name for name in dialects if name in wanted)
