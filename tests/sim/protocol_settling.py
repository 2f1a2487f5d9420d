"""Liveness: from any state, with no more faults and the daemon awake, every run must settle within few ticks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.sim.protocol_explore import Session, State, is_accepted
from tests.sim.protocol_rules import (
    ALIVE,
    DEAD,
    DESTROYING,
    MISSING,
    NONE,
    WITH_ID,
    Attempt,
    Move,
    Policy,
    is_closed,
    tidy,
)


@dataclass
class Settling:
    """What became of the runs: how long the longest took, and a start from which one never settles."""

    starts: int = 0
    ticks: int = 0
    accepted: int = 0
    """How many starts end in the accepted leak, which needs the guard (S4)."""
    stuck: State | None = None


class Rounds:
    """One round = each attempt takes one step of the daemon if it has one, the provider moves, a tick passes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._next: dict[State, tuple[State, ...]] = {}
        self._ticks: dict[State, int | None] = {}
        self._ends: dict[State, frozenset[State]] = {}

    def next(self, s: State) -> tuple[State, ...]:
        """Every state one round later; just `s` itself when nothing is left to do."""
        if s not in self._next:
            states = {s}
            for slot in (0, 1):
                states = {after for each in states for after in self._daemon(each, slot)}
                states = {after for each in states for after in self._provider(each, slot)}
            self._next[s] = tuple({self.session.tick(each) for each in states})
        return self._next[s]

    def _daemon(self, s: State, slot: int) -> list[State]:
        if slot and self.session.may_start_second(s):
            return [state for name, _, state in self.session.steps(s) if name == "prepare the next attempt"]
        a = s.attempt(slot)
        if a.db == NONE:
            return [after for _, _, after in self.session.unrecorded_steps(s)] or [s]
        due = [move for move in self.session.moves(s, slot) if is_due(a, move, self.session.policy)]
        return [self.session.after(s, slot, move) for move in due] or [s]

    def _provider(self, s: State, slot: int) -> list[State]:
        """A request in flight acts or is lost at any tick up to its last."""
        a = s.attempt(slot)
        if not a.wire:
            return [s]
        acts = [move for move in self.session.moves(s, slot) if move.by == "world" and not move.drops]
        waits = [s] if a.wire > 1 else []
        return waits + [self.session.after(s, slot, move) for move in acts if move.after.wire == 0]

    def longest(self, start: State) -> int | None:
        """Ticks of the longest run from here to rest; None if some run goes round for ever."""
        if start in self._ticks:
            return self._ticks[start]
        self._ticks[start] = None  # met again below: a cycle
        worst = 0
        for after in self.next(start):
            if after == start and len(self.next(start)) == 1:
                break
            ticks = self.longest(after)
            if ticks is None:
                return None
            worst = max(worst, ticks + 1)
        self._ticks[start] = worst
        return worst

    def ends(self, start: State) -> frozenset[State]:
        """The states of rest that runs from here reach; only where `longest` found an end."""
        if start not in self._ends:
            following = self.next(start)
            rests = {start} if following == (start,) else {end for after in following for end in self.ends(after)}
            self._ends[start] = frozenset(rests)
        return self._ends[start]


def is_due(a: Attempt, move: Move, policy: Policy) -> bool:
    """Whether a healthy daemon takes this step now; between several it may choose, so all are tried."""
    if move.by != "daemon" or move.omissions or move.lies or move.errors or move.breaks:
        return False
    if move.name.startswith("error"):
        return not a.wire and a.truth != ALIVE  # the time limit passed and nothing will come
    if a.db == DESTROYING and policy.pauses_to_prove:
        # The destroyer pauses while the proof forms; only a sighting re-sends it (D6, S3).
        resend = not a.acknowledged or a.truth == ALIVE
        return move.name.startswith("destroy") is resend
    return True


def is_settled(s: State) -> bool:
    """Settled: with its id and alive, or missing and waiting for its user, or closed and dead."""
    return all(_is_settled(a, s.want) for a in (s.first, s.second))


def _is_settled(a: Attempt, want: int) -> bool:
    if is_closed(a) or a.db == NONE:
        return a.truth != ALIVE
    wanted = bool(want and a.desired_state)
    return wanted and ((a.db == WITH_ID and a.truth == ALIVE) or (a.db == MISSING and a.truth == DEAD))


def needs_guard(s: State) -> bool:
    return is_accepted(s.first) or is_accepted(s.second)


def ended_by_guard(s: State) -> State:
    """The guard of every unlabelled instance ran out."""
    first, second = (tidy(a._replace(truth=DEAD)) if is_accepted(a) else a for a in (s.first, s.second))
    return s._replace(first=first, second=second)


def settle(session: Session, shapes: Iterable[tuple[Attempt, Attempt, int]]) -> Settling:
    """Run every session met until it settles, as it is and with its end requested."""
    rounds, result = Rounds(session), Settling()
    for start in starts(session, shapes):
        result.starts += 1
        ticks = rounds.longest(start)
        if ticks is None or not _rests_well(rounds, start, result):
            result.stuck = start
            return result
        result.ticks = max(result.ticks, ticks)
    return result


def starts(session: Session, shapes: Iterable[tuple[Attempt, Attempt, int]]) -> Iterator[State]:
    """No fault is left to spend."""
    for first, second, want in shapes:
        s = State(first, second, want, 0, 0, 0, 0, 0)
        yield s
        if want:
            yield session.ended(s)


def _rests_well(rounds: Rounds, start: State, result: Settling) -> bool:
    """Whether all runs from here rest well, by themselves or once the guard has ended what has no label."""
    leaks = False
    for end in rounds.ends(start):
        if needs_guard(end):
            leaks, end = True, ended_by_guard(end)
            if rounds.longest(end) is None or any(map(needs_guard, rounds.ends(end))):
                return False
            if not all(map(is_settled, rounds.ends(end))):
                return False
        elif not is_settled(end):
            return False
    result.accepted += leaks
    return True
