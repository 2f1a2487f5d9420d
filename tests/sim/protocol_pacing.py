"""Does a proof of absence ever form while destroys are re-sent? The instance is dead and all is healthy (S3).

One tick is 30 s. The account's rate share may make each unit wait for up to `delay` ticks; every wait is tried.
A run that never closes is a circle in this graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Pacing:
    """When destroys are re-sent; the defaults are the recommended rules at their real numbers (D6)."""

    delay: int = 13  # 80 sessions at a gap of 5 s
    resend: int = 10
    units: int = 3
    span: int = 4  # ticks from the first unit to the last, at least
    counts_from_unit: bool = True  # the resend waits from the later of last attempt and last unit
    stands_still: bool = True  # ... and not at all while a due unit waits for its share
    still_at_first: bool = True  # ... the first unit included
    keeps_turn: bool = True  # a resend leaves the waiting unit its place in the queue


class ReadinessCheck(NamedTuple):
    """How far the proof is, `left` ticks before the next destroy."""

    left: int
    units: int = 0
    span: int = 0
    waited: int = 0


CLOSED = ReadinessCheck(left=0, units=-1)


def next_proofs(pacing: Pacing, p: ReadinessCheck) -> list[ReadinessCheck]:
    """One tick: a unit is due; it is observed now, or waits if it may."""
    span = min(p.span + 1, pacing.span) if p.units else 0
    observed = ReadinessCheck(
        pacing.resend if pacing.counts_from_unit else p.left - 1, min(p.units + 1, pacing.units), span
    )
    proven = observed.units >= pacing.units and span >= pacing.span
    found = [CLOSED if proven else observed]
    if p.waited < pacing.delay:
        still = pacing.stands_still and (pacing.still_at_first or p.units > 0)
        left = p.left if still else p.left - 1
        found.append(ReadinessCheck(left, p.units, span, p.waited + 1))
    return [after if after.left or after == CLOSED else resent(pacing, after) for after in found]


def resent(pacing: Pacing, p: ReadinessCheck) -> ReadinessCheck:
    """A destroy was sent once more: the units before it prove nothing about what it did (D6)."""
    return ReadinessCheck(pacing.resend, waited=p.waited if pacing.keeps_turn else 0)


def circle(pacing: Pacing) -> list[ReadinessCheck]:
    """A run that never closes: the way from the first destroy into a circle; empty if every run closes."""
    start = ReadinessCheck(pacing.resend)
    path, open_steps = [start], [iter(next_proofs(pacing, start))]
    on_path, done = {start}, {CLOSED}
    while path:
        after = next(open_steps[-1], None)
        if after is None:
            done.add(path[-1])
            on_path.discard(path.pop())
            open_steps.pop()
        elif after in on_path:
            return [*path, after]
        elif after not in done:
            path.append(after)
            on_path.add(after)
            open_steps.append(iter(next_proofs(pacing, after)))
    return []


def longest(pacing: Pacing) -> int:
    """Ticks until the slowest run closes; only for a pacing without a circle."""
    known: dict[ReadinessCheck, int] = {CLOSED: 0}

    def ticks(p: ReadinessCheck) -> int:
        if p not in known:
            known[p] = 1 + max(ticks(after) for after in next_proofs(pacing, p))
        return known[p]

    return ticks(ReadinessCheck(pacing.resend))
