"""Rows of the result: what was measured, against which limit, and whether it holds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def p95(values: Sequence[float]) -> float:
    """The 95th percentile, as a value that occurred."""
    ranked = sorted(values)
    return ranked[max(math.ceil(0.95 * len(ranked)) - 1, 0)]


@dataclass(frozen=True)
class Row:
    """One line of the table. `judged` is what the limit is about; without a limit the row only informs."""

    what: str
    judged: float
    unit: str
    limit: float | None = None
    detail: str = ""

    @property
    def holds(self) -> bool:
        return self.limit is None or self.judged <= self.limit

    def cells(self) -> tuple[str, str, str, str, str]:
        limit = "-" if self.limit is None else f"{self.limit:g} {self.unit}"
        verdict = "-" if self.limit is None else ("ok" if self.holds else "MISSED")
        return self.what, f"{self.judged:.3g} {self.unit}", limit, verdict, self.detail


def spread(what: str, values: Sequence[float], unit: str, limit: float | None = None, more: str = "") -> Row:
    """A row judged by its median."""
    detail = f"p95 {p95(values):.3g}, {len(values)} rounds" + (f", {more}" if more else "")
    return Row(what, statistics.median(values), unit, limit, detail)


def table(rows: Sequence[Row]) -> str:
    """All rows under one heading, aligned."""
    grid = [("WHAT", "MEASURED", "LIMIT", "VERDICT", "DETAIL"), *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in grid) for place in range(4)]
    return "\n".join("  ".join([*map(str.ljust, line[:4], widths), line[4]]).rstrip() for line in grid)
