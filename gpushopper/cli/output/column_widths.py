"""How wide the columns of a table are where the terminal has less room than they need.

Numbers, times and the first column, which users type next, are never cut: half a price is a wrong price. Texts give way
first, then headings that are longer than what stands below them.
"""

from __future__ import annotations

from collections.abc import Sequence

GAP = 2
SHORT = 3
"""Texts of so many characters are never cut."""
_READABLE = 12
_LEAST = 6


def fit(titles: Sequence[str], cells: Sequence[Sequence[str]], kept: Sequence[bool], room: int) -> list[int]:
    """The width of each column in characters; together with the gaps they take `room`, or as little as they can.

    `kept`: what stands in this column is never cut.
    """
    longest = [max((len(line[place]) for line in cells), default=0) for place in range(len(titles))]
    widths = [max(len(title), most) for title, most in zip(titles, longest, strict=True)]
    if not widths:
        return widths
    is_text = [place > 0 and not is_kept for place, is_kept in enumerate(kept)]
    whole = [widths[0], *(max(most, SHORT + 1) for most in longest[1:])]
    for numbers, least in ((tuple(widths), _READABLE), (whole, _READABLE), (whole, _LEAST)):
        columns = zip(numbers, longest, is_text, strict=True)
        floors = [_floor(most, least) if text else number for number, most, text in columns]
        _shrink(widths, floors, sum(widths) + GAP * (len(widths) - 1) - room)
    return widths


def narrowest(titles: Sequence[str], cells: Sequence[Sequence[str]], kept: Sequence[bool]) -> int:
    """The least characters that a table takes while its texts can still be read; headings give way."""
    longest = [max((len(line[place]) for line in cells), default=0) for place in range(len(titles))]
    widths = [
        max(most, SHORT + 1) if place == 0 or is_kept else _floor(most, _READABLE)
        for place, (most, is_kept) in enumerate(zip(longest, kept, strict=True))
    ]
    return sum(widths) + GAP * max(len(widths) - 1, 0)


def _floor(longest: int, least: int) -> int:
    return max(min(longest, least), SHORT + 1)


def _shrink(widths: list[int], floors: Sequence[int], excess: int) -> None:
    """Take so many characters from the columns that have most to give."""
    for _ in range(excess):
        place = max(range(len(widths)), key=lambda each: widths[each] - floors[each])
        if widths[place] <= floors[place]:
            return
        widths[place] -= 1
