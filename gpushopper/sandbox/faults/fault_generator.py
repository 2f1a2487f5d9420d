"""Generates random faults for simulations; the same seed always gives the same faults."""

from __future__ import annotations

from random import Random

from gpushopper.sandbox.faults.fault_table import Fault, FaultTable
from gpushopper.sandbox.faults.fault_types import FAULT_TYPES

# Arguments to choose from, by kind of argument; `free` words mostly need none.
_ARGUMENTS: dict[str, tuple[str | None, ...]] = {
    "free": (None,),
    "duration": ("20s", "3m", "10m"),
    "range": ("20s", "3m", "10m"),
    "pace": ("1/1s", "2/10s", "30/1m"),
    "number": ("1", "2", "3"),
    "needed": ("actual_status", "label", "start_date"),
    "foreign_id": ("listed", "labelled", "sibling"),
}
_LONGEST = {"late": "10m", "zombie": "45m", "needs_min_age": "30m"}


def generate_faults(
    table: FaultTable, seed: int, length: int, provider: str, *, words: tuple[str, ...] = tuple(FAULT_TYPES)
) -> list[Fault]:
    """Add `length` faults drawn from `words` to the table and return them in order.

    Each acts one to three times after letting a few calls pass, so that the faults end by themselves.
    """
    rng = Random(f"script:{seed}")
    return [_draw_fault(table, rng, provider, rng.choice(words)) for _ in range(length)]


def _draw_fault(table: FaultTable, rng: Random, provider: str, name: str) -> Fault:
    fault_type = FAULT_TYPES[name]
    arg = _LONGEST.get(name) if name in _LONGEST and rng.random() < 0.3 else rng.choice(_ARGUMENTS[fault_type.kind])
    # An argument that lasts, as of `offline`, still needs an end: a count of acts is one.
    return table.add(provider, rng.choice(fault_type.calls), name, arg, count=rng.randint(1, 3), after=rng.randrange(4))
