"""What one attempt can do next in the protocol model: the daemon's rules, the provider's answers and the faults.

Time is ticks. Every number in a state is small, and what no rule reads any more is set back (`tidy`), so that
equal futures are equal states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

# State in the database; WITH_ID is booting or running. Plain integers: an enum's hash would double the running time.
NONE, PREPARED, SENT, UNCERTAIN, WITH_ID, MISSING, DESTROYING = range(7)
NEVER_SENT, REFUSED, CLOSED_ABSENT, CLOSED_PROVEN = range(7, 11)  # closed, by kind of receipt (S12)
ERRED, UNPROVEN, ID_LOST = range(11, 14)  # closed without a receipt: only by weakened policies

# The create's worker, in memory only: lost by kill -9.
IDLE, READY, WAITING, GOT_ID, GOT_REFUSAL = range(5)

# The truth at the provider. NOT_REQUESTED: no request ever left. NOTHING: one left and made nothing.
NOT_REQUESTED, NOTHING, ALIVE, DEAD = range(4)

# What a step may break (properties b, c, d).
KILLS_WANTED, SECOND_CREATE, SECOND_INSTANCE = "kills a wanted instance", "second create", "second instance"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may go wrong. Ticks for `flight` and `lag`; numbers of faults for the rest."""

    flight: int = 2  # a request still acts this long after it left
    lag: int = 2  # a list hides a new instance this long
    omissions: int = 2  # a list, or a read by id, does not show what is there
    lies: int = 1  # a destroy is acknowledged and nothing happens
    errors: int = 1  # a destroy fails, or works and its reply is lost
    kills: int = 2  # kill -9 and restart
    drops: int = 2  # label carriers that the provider drops
    attempts: int = 2
    false_refusals: bool = False  # "refused", yet created (S11)
    duplicates: bool = False  # two instances from one create (S9); then there is one attempt


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules; the defaults are the recommended ones. `None` stands for flight + lag."""

    # create (D2)
    commits_before_send: bool = True  # I1
    repeats_create: bool = False  # F2
    error_is_nothing: bool = False  # F1
    restart_forgets_send: bool = False  # F5
    # absence of an unknown id (D6)
    absences: int = 3
    count_after: int | None = None  # earlier lists are not counted
    close_after: int | None = None
    # label (S4)
    carriers: int = 2
    waits_for_unlabelled: bool = True
    # a known id (D6)
    gone_observations: int = 3
    reads_by_id: bool = True
    closes_wanted: bool = False  # I5
    trusts_acknowledgement: bool = False
    forgets_id: bool = False  # I4
    # closed labels in a list (D4, I7)
    reopens_closed: bool = True
    matches_by_id_only: bool = False  # F41
    # failover (D2.7): what the former attempt must have reached besides closed
    fails_over_at: frozenset[str] = frozenset({"off"})
    rechecks_at_send: bool = True
    forces_attempts: bool = True  # the session's desired state forces that of its attempts
    # liveness
    pauses_to_prove: bool = True  # D6
    destroys_duplicates: bool = True  # S9


class Attempt(NamedTuple):
    """One attempt: what the database holds, what the worker remembers, and the truth."""

    db: int = NONE
    desired_state: int = 1
    worker: int = IDLE
    wire: int = 0  # ticks + 1 that the request may still fly; 0: none in flight
    truth: int = NOT_REQUESTED
    lag: int = 0  # ticks that lists still hide the instance
    readable: int = 1  # a label carrier is left
    age: int = 0  # awake ticks since the outcome became uncertain
    absences: int = 0
    acknowledged: int = 0  # a destroy was acknowledged or not-found
    off: int = 0  # unwanted, and one T4 observation of absence


class Setting(NamedTuple):
    """What an attempt's rules see of the rest of its session."""

    wanted: bool  # the user wants the session and this is its current attempt
    may_send: bool
    rival: bool  # the former's instance lives or may yet come, and nothing was observed of its absence
    last: bool  # no further attempt may follow


class Move(NamedTuple):
    """One step: its name, the attempt after it, and what it uses up."""

    name: str
    after: Attempt
    omissions: int = 0
    lies: int = 0
    errors: int = 0
    drops: int = 0
    breaks: str = ""
    ends_session: bool = False
    by: str = "daemon"


KNOWS_ID = frozenset({WITH_ID, MISSING, DESTROYING, CLOSED_PROVEN, UNPROVEN})
NEVER = Setting(wanted=False, may_send=False, rival=False, last=True)


def is_closed(a: Attempt) -> bool:
    return a.db >= NEVER_SENT


def tidy(a: Attempt) -> Attempt:
    """Set back what no rule reads any more."""
    if a.db == NONE:
        return a
    if a.truth != ALIVE:
        a = a._replace(lag=0, readable=1)
    elif a.db in KNOWS_ID:
        a = a._replace(readable=1)  # the recorded id is a handle of its own
    if a.db != UNCERTAIN:
        a = a._replace(age=0)
    if a.db != DESTROYING:
        a = a._replace(acknowledged=0, off=0)
    if a.db not in (UNCERTAIN, WITH_ID, MISSING, DESTROYING):
        a = a._replace(absences=0)
    return a


def ticked(a: Attempt, oldest: int) -> Attempt:
    """One tick later."""
    age = min(a.age + 1, oldest) if a.db == UNCERTAIN else 0
    return a._replace(wire=max(a.wire - 1, 0), lag=max(a.lag - 1, 0), age=age)


def restarted(a: Attempt, policy: Policy) -> Attempt:
    """After kill -9 and restart: memory is lost, and two states move without a call to a provider (S12, D13).

    Awake time restarts (S15); absences stay, which is the harder case.
    """
    a = a._replace(worker=IDLE, age=0)
    if a.db == PREPARED:
        return tidy(a._replace(db=NEVER_SENT, desired_state=0))
    if a.db == SENT and policy.restart_forgets_send:
        return tidy(a._replace(db=NEVER_SENT, desired_state=0))
    return tidy(a._replace(db=UNCERTAIN)) if a.db == SENT else a


def unwanted(a: Attempt) -> Attempt:
    """The desired state is written once, and a known instance goes to its end in the same transaction (D1.4)."""
    if a.db == NONE:
        return a
    if a.db in (WITH_ID, MISSING):
        return tidy(a._replace(db=DESTROYING, desired_state=0, absences=0))
    return a._replace(desired_state=0)


class Rules:
    """The moves of one attempt under a policy, within bounds."""

    def __init__(self, policy: Policy, bounds: Bounds) -> None:
        self.policy, self.bounds = policy, bounds
        settle = bounds.flight + bounds.lag
        self.count_after = settle if policy.count_after is None else policy.count_after
        self.close_after = settle if policy.close_after is None else policy.close_after
        self.oldest = max(self.count_after, self.close_after)

    def moves(self, a: Attempt, setting: Setting) -> list[Move]:
        """Everything that can happen to this attempt next, apart from time, kills and the user."""
        found: list[Move] = []
        if a.db == NONE:
            return found
        found += self._provider(a)
        found += self._prepared(a, setting)
        found += self._worker(a)
        if a.db in (SENT, UNCERTAIN):
            found += self._list_by_label(a, setting)
        elif a.db in (WITH_ID, MISSING):
            found += self._list_with_id(a, setting)
        elif a.db == DESTROYING:
            found += self._list_while_destroying(a)
            found += self._destroy(a, setting)
        elif is_closed(a):
            found += self._reopen(a)
        return [move._replace(after=tidy(move.after)) for move in found]

    # ---- the provider

    def _provider(self, a: Attempt) -> Iterator[Move]:
        if a.wire:
            yield from self._births(a)
            yield Move("request is lost", a._replace(wire=0, truth=NOTHING), by="world")
            worker = GOT_REFUSAL if a.worker == WAITING else a.worker
            yield Move("provider refuses", a._replace(wire=0, truth=NOTHING, worker=worker), by="world")
        if a.truth == ALIVE:
            yield Move("instance ends by itself", a._replace(truth=DEAD), by="guard")

    def _births(self, a: Attempt) -> Iterator[Move]:
        """One dropped carrier changes nothing while another is left, so only the loss of all is a move."""
        for lag in range(self.bounds.lag + 1):
            for unlabelled in (0, 1):
                born = a._replace(wire=0, truth=ALIVE, lag=lag, readable=1 - unlabelled)
                how = f"{' without any label' if unlabelled else ''}, lists lag {lag}"
                drops = self.policy.carriers * unlabelled
                yield Move(f"provider creates{how}", born, drops=drops, by="world")
                if self.bounds.false_refusals and a.worker == WAITING:
                    refused = born._replace(worker=GOT_REFUSAL)
                    yield Move(f"provider says refused, yet creates{how}", refused, drops=drops, by="world")

    # ---- create

    def _prepared(self, a: Attempt, setting: Setting) -> Iterator[Move]:
        if a.db != PREPARED or a.worker != IDLE:
            return
        breaks = SECOND_INSTANCE if setting.rival else ""
        if not a.desired_state:
            yield Move("close: never sent", a._replace(db=NEVER_SENT))
        elif setting.may_send and self.policy.commits_before_send:
            yield Move("commit sent", a._replace(db=SENT, worker=READY), breaks=breaks)
        elif setting.may_send:
            yield Move("send create", a._replace(worker=WAITING, wire=self.bounds.flight + 1), breaks=breaks)

    def _worker(self, a: Attempt) -> Iterator[Move]:
        if a.worker == READY:
            breaks = "" if a.truth == NOT_REQUESTED and not a.wire else SECOND_CREATE
            yield Move("send create", a._replace(worker=WAITING, wire=self.bounds.flight + 1), breaks=breaks)
        elif a.worker == WAITING:
            yield from self._reply(a)
        elif a.worker == GOT_ID:
            yield Move("commit id", a._replace(worker=IDLE, db=WITH_ID))
        elif a.worker == GOT_REFUSAL:
            yield Move("close: refused", a._replace(worker=IDLE, db=REFUSED, desired_state=0))

    def _reply(self, a: Attempt) -> Iterator[Move]:
        if a.truth == ALIVE:
            yield Move("reply with the id", a._replace(worker=GOT_ID))
        if self.policy.repeats_create:
            yield Move("error: send create again", a._replace(worker=READY))
        if self.policy.error_is_nothing:
            yield Move("error: close", a._replace(worker=IDLE, db=ERRED, desired_state=0))
        else:
            yield Move("error: uncertain", a._replace(worker=IDLE, db=UNCERTAIN))

    def _list_by_label(self, a: Attempt, setting: Setting) -> Iterator[Move]:
        shown = a.truth == ALIVE and not a.lag
        if shown and a.readable:
            if self.policy.matches_by_id_only:
                breaks = KILLS_WANTED if setting.wanted else ""
                yield Move("list shows an unrecorded id: destroy", a._replace(truth=DEAD), breaks=breaks)
            # Terminated but sent: booting first, since the table has no way from sent to destroying.
            db = WITH_ID if a.desired_state or a.db == SENT else DESTROYING
            yield Move("list shows the label: adopt", a._replace(db=db, worker=IDLE, absences=0))
        if a.db == UNCERTAIN:
            yield from self._list_lacks_label(a, shown)

    def _list_lacks_label(self, a: Attempt, shown: bool) -> Iterator[Move]:
        if shown and not a.readable and self.policy.waits_for_unlabelled:
            yield Move("list shows an unlabelled instance: probably ours", a._replace(absences=0))
        counts = a.age >= self.count_after
        absences = min(a.absences + counts, self.policy.absences)
        hidden = int(shown and (bool(a.readable) or self.policy.waits_for_unlabelled))
        name = f"list lacks the label{', omitted' if hidden else ''}"
        if absences >= self.policy.absences and a.age >= self.close_after:
            closed = a._replace(db=CLOSED_ABSENT, desired_state=0, absences=0)
            yield Move(f"{name}: close as absent", closed, omissions=hidden)
        elif absences != a.absences:
            yield Move(name, a._replace(absences=absences), omissions=hidden)

    # ---- a known id

    def _absence_cost(self, a: Attempt) -> int:
        """The omissions it takes to observe absence now: of the list, and of the read by id (T4)."""
        if a.truth != ALIVE:
            return 0
        return int(not a.lag) + int(self.policy.reads_by_id)

    def _list_with_id(self, a: Attempt, setting: Setting) -> Iterator[Move]:
        if not a.desired_state:
            yield Move("enter destroying", unwanted(a))
            return
        # By its status, its price or the clock, never by absence.
        yield Move("boot fails", unwanted(a), ends_session=setting.last, by="world")
        if a.truth == ALIVE and not a.lag and (a.db == MISSING or a.absences):
            yield Move("seen again", a._replace(db=WITH_ID, absences=0))
        price, absences = self._absence_cost(a), min(a.absences + 1, self.policy.gone_observations)
        if not self.policy.closes_wanted:
            if a.db == WITH_ID:
                yield Move("not shown: missing", a._replace(db=MISSING), omissions=price)
        elif absences >= self.policy.gone_observations:
            yield Move("not shown: close unproven", a._replace(db=UNPROVEN), omissions=price)
        else:
            yield Move("not shown", a._replace(absences=absences), omissions=price)

    def _list_while_destroying(self, a: Attempt) -> Iterator[Move]:
        if a.truth == ALIVE and not a.lag and (a.absences or a.off):
            yield Move("seen again", a._replace(absences=0, off=0))
        price, absences = self._absence_cost(a), min(a.absences + 1, self.policy.gone_observations)
        if absences >= self.policy.gone_observations and a.acknowledged:
            yield Move("not shown: proven", a._replace(db=CLOSED_PROVEN), omissions=price)
        elif (absences, 1) != (a.absences, a.off):
            yield Move("not shown", a._replace(absences=absences, off=1), omissions=price)

    def _destroy(self, a: Attempt, setting: Setting) -> Iterator[Move]:
        lives = a.truth == ALIVE
        breaks = KILLS_WANTED if setting.wanted and lives else ""
        dead = a._replace(truth=DEAD, absences=0) if lives else a._replace(absences=0)
        name = "destroy works" if lives else "destroy: not found"
        yield Move(name, dead._replace(acknowledged=1), breaks=breaks)
        trusted = {"db": UNPROVEN} if self.policy.trusts_acknowledgement else {}
        yield Move("destroy acknowledged, nothing happens", a._replace(absences=0, acknowledged=1, **trusted), lies=1)
        lost = {"db": ID_LOST} if self.policy.forgets_id else {}
        yield Move("destroy fails", a._replace(absences=0, **lost), errors=1)
        yield Move("destroy works, reply lost", dead._replace(**lost), errors=1, breaks=breaks)

    def _reopen(self, a: Attempt) -> Iterator[Move]:
        shown = a.truth == ALIVE and not a.lag
        if shown and self.policy.reopens_closed and (a.readable or a.db in KNOWS_ID):
            yield Move("list shows a closed label: reopen", a._replace(db=DESTROYING))
