"""How wide the columns of a table are where the terminal has less room than they need.

Headings, numbers, names, states and times are never cut: half a price is a wrong price. Texts give way, down to what
can still be read; where that is not enough, columns leave or the rows become cards (`cli/output/tables.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

GAP = 2
_READABLE = 12
"""Characters of a text that are left, so that it can still be read."""


def fit(titles: Sequence[str], cells: Sequence[Sequence[str]], kept: Sequence[bool], room: int) -> list[int]:
    """The width of each column in characters; together with the gaps they take `room`, or as little as they can.

    `kept`: what stands in this column is never cut; nor is the first one, which users type next.
    """
    floors = _floors(titles, cells, kept)
    widths = [max(len(title), most) for title, most in zip(titles, _longest(titles, cells), strict=True)]
    _shrink(widths, floors, sum(widths) + GAP * (len(widths) - 1) - room)
    return widths


def narrowest(titles: Sequence[str], cells: Sequence[Sequence[str]], kept: Sequence[bool]) -> int:
    """The least characters that a table takes while its texts can still be read."""
    floors = _floors(titles, cells, kept)
    return sum(floors) + GAP * max(len(floors) - 1, 0)


def _longest(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max((len(line[place]) for line in cells), default=0) for place in range(len(titles))]


def _floors(titles: Sequence[str], cells: Sequence[Sequence[str]], kept: Sequence[bool]) -> list[int]:
    longest = _longest(titles, cells)
    return [
        max(len(titles[place]), most if place == 0 or kept[place] else min(most, _READABLE))
        for place, most in enumerate(longest)
    ]


def _shrink(widths: list[int], floors: Sequence[int], excess: int) -> None:
    """Take so many characters from the columns that have most to give."""
    for _ in range(excess):
        place = max(range(len(widths)), key=lambda each: widths[each] - floors[each])
        if widths[place] <= floors[place]:
            return
        widths[place] -= 1
