"""A provider that makes two instances from one create (S9): the second slot of a session holds the other instance."""

from __future__ import annotations

from collections.abc import Iterator

from tests.sim.protocol_explore import BROKEN, CLOSED_ALIVE, Session, State, Step
from tests.sim.protocol_rules import (
    ALIVE,
    CLOSED_ABSENT,
    DEAD,
    DESTROYING,
    NONE,
    SENT,
    UNCERTAIN,
    WITH_ID,
    Attempt,
    Move,
    Setting,
    is_closed,
    tidy,
)

PASSES = 2
"""An open label with another id needs two passes; `absences` counts them while the duplicate has no row."""


def is_unrecorded(duplicate: Attempt) -> bool:
    """Alive and without a row of its own."""
    return duplicate.db == NONE and duplicate.truth == ALIVE


def is_listed(duplicate: Attempt) -> bool:
    return duplicate.truth == ALIVE and not duplicate.lag and bool(duplicate.readable)


class DuplicateSession(Session):
    """One attempt whose create may act twice; both instances carry the same label, or none."""

    def moves(self, s: State, slot: int) -> list[Move]:
        """A list lacks the label only if it shows neither instance, so hiding both takes one omission more.

        Without a label the duplicate still keeps the attempt open, as what is "probably ours" (S4).
        """
        found = super().moves(s, slot)
        if slot == 0 and s.first.db == UNCERTAIN and is_unrecorded(s.second) and not s.second.lag:
            return [m._replace(omissions=m.omissions + 1) if "lacks the label" in m.name else m for m in found]
        return found

    def _session_steps(self, s: State) -> Iterator[Step]:
        yield from super()._session_steps(s)
        if s.first.wire:
            yield from self._births(s)
        if is_unrecorded(s.second):
            yield "duplicate ends by itself", "", s._replace(second=self._same(s.second._replace(truth=DEAD, lag=0)))
            yield from self.unrecorded_steps(s)

    def _births(self, s: State) -> Iterator[Step]:
        lags = range(self.bounds.lag + 1)
        for readable, drops in ((1, 0), (0, self.policy.carriers)):
            for lag, other in ((lag, other) for lag in lags for other in lags if s.drops >= drops):
                first = self._same(s.first._replace(wire=0, truth=ALIVE, lag=lag, readable=readable))
                duplicate = self._same(Attempt(truth=ALIVE, lag=other, readable=readable, desired_state=0))
                name = f"provider creates two{'' if readable else ' without any label'}, lists lag {lag} and {other}"
                yield name, "", s._replace(first=first, second=duplicate, drops=s.drops - drops)

    def setting(self, s: State, slot: int) -> Setting:
        """The duplicate is never wanted, and the one attempt is current all the time."""
        return Setting(bool(s.want and s.first.desired_state and not slot), may_send=True, rival=False, last=True)

    def unrecorded_steps(self, s: State) -> Iterator[Step]:
        """What a list that shows the duplicate means, by what is known of the attempt that made it."""
        maker, duplicate = s.first, s.second
        if not (is_unrecorded(duplicate) and is_listed(duplicate) and self.policy.destroys_duplicates):
            return
        ending = self._same(tidy(duplicate._replace(db=DESTROYING, absences=0)))
        if is_closed(maker):
            yield "closed label: destroy the duplicate at once", "", s._replace(second=ending)
        elif maker.db in (SENT, UNCERTAIN):
            yield "list shows the label: adopt the other", "", self._swapped(s)
        elif duplicate.absences + 1 < PASSES:
            seen = duplicate._replace(absences=duplicate.absences + 1)
            yield "duplicate seen", "", s._replace(second=self._same(seen))
        else:
            yield "duplicate seen again: destroying", "", s._replace(second=ending)

    def _swapped(self, s: State) -> State:
        """The attempt takes the id of the other instance; its own becomes the duplicate. Ids are symmetric."""
        maker, duplicate = s.first, s.second
        db = WITH_ID if maker.desired_state or maker.db == SENT else DESTROYING
        taken = maker._replace(db=db, worker=0, absences=0, truth=duplicate.truth, lag=duplicate.lag, readable=1)
        left = Attempt(truth=maker.truth, lag=maker.lag, readable=maker.readable, desired_state=0)
        return s._replace(first=self._same(tidy(taken)), second=self._same(left))

    def broken_in(self, s: State) -> list[str]:
        """Two live instances are the fault itself here; closing the label while either lives is ours."""
        broken = super().broken_in(s._replace(second=Attempt()))
        broken += [name for name, breaks in BROKEN.items() if breaks(s.second)]
        if s.first.db == CLOSED_ABSENT and is_unrecorded(s.second):
            broken.append(CLOSED_ALIVE)
        return broken
