"""Seeded fault scripts for simulations: what one seed draws, every run draws again."""

from __future__ import annotations

from random import Random

from gpushopper.sandbox.faults.fault_table import Fault, FaultBook
from gpushopper.sandbox.faults.fault_types import WORDS

# What a word of each kind is given; `free` words mostly mean something without an argument.
_ARGUMENTS: dict[str, tuple[str | None, ...]] = {
    "free": (None,),
    "duration": ("20s", "3m", "10m"),
    "number": ("1", "2", "3"),
    "needed": ("actual_status", "label", "start_date"),
    "stranger": ("listed", "labelled", "sibling"),
}
_LONGEST = {"late": "10m", "zombie": "45m", "needs_min_age": "30m"}


def draw_script(
    book: FaultBook, seed: int, length: int, *, provider: str = "vast", words: tuple[str, ...] = tuple(WORDS)
) -> list[Fault]:
    """Add `length` faults drawn from `words` to a book and return them in their order.

    Each acts one to three times after letting a few calls pass, so that a script ends by itself.
    """
    dice = Random(f"script:{seed}")
    return [_draw_fault(book, dice, provider, dice.choice(words)) for _ in range(length)]


def _draw_fault(book: FaultBook, dice: Random, provider: str, name: str) -> Fault:
    word = WORDS[name]
    arg = _LONGEST.get(name) if name in _LONGEST and dice.random() < 0.3 else dice.choice(_ARGUMENTS[word.kind])
    # An argument that lasts, as of `offline`, still needs an end: a count of acts is one.
    return book.add(provider, dice.choice(word.calls), name, arg, count=dice.randint(1, 3), after=dice.randrange(4))
