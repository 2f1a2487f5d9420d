"""The costs of one month as Markdown, by consumer or otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.cli.output.records.markdown import plain, table
from gpushopper.core.model.money import dollars

if TYPE_CHECKING:
    from gpushopper import wire


def month_lines(month: str, found: wire.Costs) -> list[str]:
    """A heading, a table with a line for each group, and the sum."""
    titles = [found.by, "GPU, $", "disk, $", "traffic, $", "beyond use, $", "cost, $"]
    rows = [[plain(group.key or "-"), *_amounts(group)] for group in found.groups]
    total = ["**all**", "", "", "", "", f"**{dollars(found.accrued, 4)}**"]
    if found.by != "day":
        titles.append("sessions")
        rows = [[*row, str(group.sessions)] for row, group in zip(rows, found.groups, strict=True)]
        total.append(str(found.sessions))
    note = f"What was incurred in {month}, to the second; days and months are those of {found.time_zone}."
    return [f"# Compute costs of {month}", "", *table(titles, [*rows, total]), "", plain(note)]


def _amounts(group: wire.CostGroup) -> list[str]:
    kinds = (group.gpu_micros, group.storage_micros, group.traffic_micros, group.minimum_micros, group.accrued)
    return [dollars(amount, 4) for amount in kinds]
