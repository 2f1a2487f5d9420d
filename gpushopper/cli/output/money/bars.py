"""Bars and sparklines for amounts, on terminals alone: programs get the numbers.

Bars are rich's, which tables import anyway (0.2 ms more; plotille takes 36 ms). A sparkline is one character for each
value: the library of that name takes 25 ms and two packages.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from gpushopper.cli.app import App

BAR_WIDTH = 20
_LEVELS = "▁▂▃▄▅▆▇█"


def can_draw(app: App) -> bool:
    """Whether stdout is a terminal that has these characters."""
    if not app.is_terminal(sys.stdout) or app.output not in ("table", "wide"):
        return False
    try:
        _LEVELS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def bar(value: int, most: int, width: int = BAR_WIDTH) -> str:
    """A bar as long as the value's share of the most."""
    from rich.bar import Bar

    drawn = _console().render(Bar(max(most, 1), 0, max(value, 0), width=width))
    return "".join(segment.text for segment in drawn).rstrip()


def sparkline(values: Sequence[int]) -> str:
    """One character for each value, the dearest the highest; nothing is a blank, and little is not nothing."""
    most = max(values, default=0)
    return "".join(" " if value <= 0 else _LEVELS[value * (len(_LEVELS) - 1) // most] for value in values)


def load_line(loads: Sequence[int | None]) -> str:
    """One character for each load in percent; a blank where none was measured: that is not an idle GPU."""
    return "".join(
        " " if load is None else _LEVELS[min(max(load, 0), 100) * (len(_LEVELS) - 1) // 100] for load in loads
    )


@cache
def _console() -> Console:
    from rich.console import Console

    return Console(width=BAR_WIDTH)
