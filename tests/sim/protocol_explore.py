"""Every interleaving of a session with its attempts, breadth first: the first counterexample is a shortest one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.sim.protocol_rules import (
    ALIVE,
    DESTROYING,
    ERRED,
    KNOWS_ID,
    NEVER_SENT,
    NONE,
    NOT_REQUESTED,
    PREPARED,
    REFUSED,
    UNCERTAIN,
    Attempt,
    Bounds,
    Move,
    Policy,
    Rules,
    Setting,
    is_closed,
    restarted,
    ticked,
    tidy,
    unwanted,
)

CLOSED_ALIVE = "closed while the instance lives"
NO_RECEIPT = "closed without a true receipt"
TWO_WANTED = "two instances live, the former not on its way out"
# The session's own desired state forces that of its attempts.
UNFORCED = "the session is unwanted, an open attempt is wanted"
# Not a broken property: the one accepted leak, which only the instance's guard or a person ends (S4).
ACCEPTED = "lives without any label, its id unknown"


class State(NamedTuple):
    """The session: its two attempts, its desired state, and the faults that may still happen."""

    first: Attempt
    second: Attempt
    want: int
    omissions: int
    lies: int
    errors: int
    kills: int
    drops: int

    def attempt(self, slot: int) -> Attempt:
        """The attempt of a slot."""
        return self.second if slot else self.first


Step = tuple[str, str, State]
"""Name, the property that the step itself breaks (or nothing), and the state after it."""


@dataclass
class Found:
    """What an exploration found: per broken property a shortest path to it."""

    states: int = 0
    paths: dict[str, list[str]] = field(default_factory=dict)
    permanent: bool = False
    """Whether some closed attempt's living instance can no longer be recognised in a list."""
    shapes: set[tuple[Attempt, Attempt, int]] = field(default_factory=set)
    """The sessions met, whatever the faults left to spend."""

    @property
    def broken(self) -> dict[str, list[str]]:
        return {name: path for name, path in self.paths.items() if name != ACCEPTED}


class Session:
    """The transition system of one session under a policy, within bounds."""

    def __init__(self, policy: Policy, bounds: Bounds) -> None:
        self.policy, self.bounds = policy, bounds
        self.rules = Rules(policy, bounds)
        self._moves: dict[tuple[Attempt, Setting], list[Move]] = {}
        self._interned: dict[Attempt, Attempt] = {}

    def start(self) -> State:
        """Provisioned: the first attempt is prepared, nothing is sent."""
        b = self.bounds
        first, second = self._same(Attempt(db=PREPARED)), self._same(Attempt())
        return State(first, second, 1, b.omissions, b.lies, b.errors, b.kills, b.drops)

    def steps(self, s: State) -> Iterator[Step]:
        """Every next state."""
        for slot in (0, 1):
            if s.attempt(slot).db != NONE:
                for move in self.moves(s, slot):
                    if affordable(move, s):
                        yield move.name + (" (2nd)" if slot else ""), move.breaks, self.after(s, slot, move)
        yield from self._session_steps(s)
        if s.first.wire != 1 and s.second.wire != 1:  # a request at its last tick must have an end first
            yield "tick", "", self.tick(s)
        if s.kills:
            # One step: a daemon that is down does what an idle one does, nothing, and idling is always possible.
            first, second = (self._same(restarted(a, self.policy)) for a in (s.first, s.second))
            if (first, second) != (s.first, s.second):
                yield "kill -9, restart", "", s._replace(first=first, second=second, kills=s.kills - 1)

    def moves(self, s: State, slot: int) -> list[Move]:
        """The moves of one attempt; few attempts exist in many sessions, so they are cached."""
        a, setting = s.attempt(slot), self.setting(s, slot)
        known = self._moves.get((a, setting))
        if known is None:
            known = [move._replace(after=self._same(move.after)) for move in self.rules.moves(a, setting)]
            self._moves[a, setting] = known
        return known

    def setting(self, s: State, slot: int) -> Setting:
        """What the rules of this attempt see of the other one."""
        if slot == 0:
            wanted = bool(s.want and s.first.desired_state and s.second.db == NONE)
            return Setting(wanted, may_send=True, rival=False, last=self.bounds.attempts < 2)
        former = s.first
        unobserved = not (former.off or is_closed(former))
        rival = unobserved and (former.truth == ALIVE or former.wire > 0)
        may_send = not self.policy.rechecks_at_send or self.may_fail_over(former)
        return Setting(bool(s.want and s.second.desired_state), may_send, rival, True)

    def may_fail_over(self, former: Attempt) -> bool:
        """Only a former attempt that is gone, or off, makes room for the next (D2.7)."""
        allowed = self.policy.fails_over_at
        if former.db == UNCERTAIN:
            return "uncertain" in allowed
        if former.desired_state:
            return False
        return is_closed(former) or (former.db == DESTROYING and (bool(former.off) or "requested" in allowed))

    def _session_steps(self, s: State) -> Iterator[Step]:
        if s.want:
            yield "user ends the session", "", self.ended(s)
            if self.may_start_second(s):
                yield "prepare the next attempt", "", s._replace(second=self._same(Attempt(db=PREPARED)))

    def unrecorded_steps(self, s: State) -> Iterator[Step]:
        """What the daemon does about an instance without a row; only a duplicate has none (S9)."""
        return iter(())

    def may_start_second(self, s: State) -> bool:
        room = self.bounds.attempts > 1 and s.second.db == NONE
        return bool(room and s.want and self.may_fail_over(s.first))

    def after(self, s: State, slot: int, move: Move) -> State:
        """The session after one attempt's move."""
        _, after, omissions, lies, errors, drops, _, ends, _ = move
        s = State(
            s.first if slot else after,
            after if slot else s.second,
            s.want,
            s.omissions - omissions,
            s.lies - lies,
            s.errors - errors,
            s.kills,
            s.drops - drops,
        )
        return self.ended(s) if ends else s

    def ended(self, s: State) -> State:
        """The session's desired state is terminated, and so that of its attempts."""
        if not self.policy.forces_attempts:
            return s._replace(want=0)
        return s._replace(want=0, first=self._same(unwanted(s.first)), second=self._same(unwanted(s.second)))

    def tick(self, s: State) -> State:
        first, second = (self._same(tidy(ticked(a, self.rules.oldest))) for a in (s.first, s.second))
        return s._replace(first=first, second=second)

    def broken_in(self, s: State) -> list[str]:
        """The properties that this state breaks."""
        broken = [name for name, breaks in BROKEN.items() if breaks(s.first) or breaks(s.second)]
        first, second = s.first, s.second
        if first.truth == ALIVE and second.truth == ALIVE and (first.desired_state or first.db < DESTROYING):
            broken.append(TWO_WANTED)
        if not s.want and (is_wanted_open(first) or is_wanted_open(second)):
            broken.append(UNFORCED)
        return broken

    def _same(self, a: Attempt) -> Attempt:
        return self._interned.setdefault(a, a)


def affordable(move: Move, s: State) -> bool:
    return move.omissions <= s.omissions and move.lies <= s.lies and move.errors <= s.errors and move.drops <= s.drops


def is_closed_alive(a: Attempt) -> bool:
    return is_closed(a) and a.truth == ALIVE


def has_false_receipt(a: Attempt) -> bool:
    """Whether it was closed without a reason, with one that is not true, or while its request may still act (S12)."""
    if not is_closed(a):
        return False
    refused_wrongly = a.db == REFUSED and a.truth == ALIVE
    return bool(a.db >= ERRED or a.wire or (a.db == NEVER_SENT and a.truth != NOT_REQUESTED) or refused_wrongly)


BROKEN = {CLOSED_ALIVE: is_closed_alive, NO_RECEIPT: has_false_receipt}


def is_wanted_open(a: Attempt) -> bool:
    return a.db != NONE and bool(a.desired_state) and not is_closed(a)


def is_lost(a: Attempt, policy: Policy) -> bool:
    """Whether nothing identifies the living instance of a closed attempt in a list."""
    matched = policy.reopens_closed and (a.readable or a.db in KNOWS_ID)
    return a.truth == ALIVE and is_closed(a) and not matched


def is_accepted(a: Attempt) -> bool:
    """Both label carriers lost and the id unknown: an attempt stays uncertain beside it, under an alarm (S4).

    With no attempt of its own it is the duplicate of one (S9).
    """
    return a.db in (NONE, UNCERTAIN) and a.truth == ALIVE and not a.readable


def explore(session: Session) -> Found:
    """Visit every state."""
    found, start = Found(), session.start()
    parents: dict[State, State | None] = {start: None}
    layer = [start]
    while layer:
        following: list[State] = []
        for s in layer:
            for name, breaks, after in session.steps(s):
                if after not in parents:
                    parents[after] = s
                    following.append(after)
                    inspect(found, session, parents, after)
                if breaks:
                    note(found, breaks, session, parents, s, name)
        layer = following
    found.states = len(parents)
    found.shapes = {s[:3] for s in parents}
    return found


def inspect(found: Found, session: Session, parents: dict[State, State | None], s: State) -> None:
    """Note what a new state breaks."""
    for broken in session.broken_in(s):
        note(found, broken, session, parents, s, "")
    for a in (s.first, s.second):
        if is_accepted(a):
            note(found, ACCEPTED, session, parents, s, "")
        found.permanent |= is_lost(a, session.policy)


def note(found: Found, broken: str, session: Session, parents: dict[State, State | None], s: State, last: str) -> None:
    """Keep the first, hence a shortest, path to each broken property."""
    if broken not in found.paths:
        found.paths[broken] = path_to(session, parents, s) + ([last] if last else [])


def path_to(session: Session, parents: dict[State, State | None], s: State) -> list[str]:
    """The names of the steps from the start. Only parents are stored; names are found again."""
    names: list[str] = []
    while (before := parents[s]) is not None:
        names.append(next(name for name, _, after in session.steps(before) if after == s))
        s = before
    return names[::-1]
