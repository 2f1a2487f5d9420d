"""Do the absences that prove an end add up while destroys are re-sent? The instance is gone, nothing fails (S3).

One tick is 30 s. The account's rate share may make each observation wait for up to `delay` ticks; every wait is tried.
A run that never closes is a cycle in this graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Pacing:
    """When destroys are re-sent; the defaults are the recommended rules at their real numbers (D6)."""

    delay: int = 13  # 80 sessions at a gap of 5 s
    resend: int = 10
    absences: int = 3
    span: int = 4  # ticks from the first absence to the last, at least
    counts_from_absence: bool = True  # the resend waits from the later of last destroy and last absence
    stands_still: bool = True  # ... and not at all while a due observation waits for its share
    still_at_first: bool = True  # ... the first observation included
    keeps_turn: bool = True  # a resend leaves the waiting observation its place in the queue


class ProofProgress(NamedTuple):
    """How far the proof is, `left` ticks before the next destroy."""

    left: int
    absences: int = 0
    span: int = 0
    waited: int = 0


CLOSED = ProofProgress(left=0, absences=-1)


def next_proofs(pacing: Pacing, p: ProofProgress) -> list[ProofProgress]:
    """One tick: an observation is due; it is made now, or waits if it may."""
    span = min(p.span + 1, pacing.span) if p.absences else 0
    observed = ProofProgress(
        pacing.resend if pacing.counts_from_absence else p.left - 1, min(p.absences + 1, pacing.absences), span
    )
    proven = observed.absences >= pacing.absences and span >= pacing.span
    found = [CLOSED if proven else observed]
    if p.waited < pacing.delay:
        still = pacing.stands_still and (pacing.still_at_first or p.absences > 0)
        left = p.left if still else p.left - 1
        found.append(ProofProgress(left, p.absences, span, p.waited + 1))
    return [after if after.left or after == CLOSED else resent(pacing, after) for after in found]


def resent(pacing: Pacing, p: ProofProgress) -> ProofProgress:
    """A destroy was sent once more: the absences before it prove nothing about what it did (D6)."""
    return ProofProgress(pacing.resend, waited=p.waited if pacing.keeps_turn else 0)


def cycle(pacing: Pacing) -> list[ProofProgress]:
    """A run that never closes: the way from the first destroy into a cycle; empty if every run closes."""
    start = ProofProgress(pacing.resend)
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
    """Ticks until the slowest run closes; only for a pacing without a cycle."""
    known: dict[ProofProgress, int] = {CLOSED: 0}

    def ticks(p: ProofProgress) -> int:
        if p not in known:
            known[p] = 1 + max(ticks(after) for after in next_proofs(pacing, p))
        return known[p]

    return ticks(ProofProgress(pacing.resend))
