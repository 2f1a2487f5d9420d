"""Brings results home before an end: pulls on threads of their own, so that no heartbeat or destroy waits (E7)."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import Any

from gpushopper.core.lifecycle.ends.landing import (
    BUDGET,
    DEADLINE,
    USER,
    counts_by_hand,
    hook_s,
    hook_us,
    is_pull_due,
    on_pull,
)
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.ends.landed import Landed, LandingOrder, LandingProgress, NotLanded, PulledByHand
from gpushopper.core.model.heartbeat import SshTarget
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import SECOND, ClockSnapshot, us
from gpushopper.engine.account.calls.provider_calls import PULL
from gpushopper.engine.account.part_interface import Account
from gpushopper.engine.context import InstanceAccess
from gpushopper.engine.transaction import Transaction
from gpushopper.store import sessions

_Wanted = tuple[tuple[tuple[str, str], ...], int | None]
"""Folders, and since when they are wanted: what an older pull has listed is not all of them."""


def _wanted(session: Session) -> _Wanted:
    return session.pulls, session.landing_at


class Landings:
    """The reconciler's part that pulls. What has arrived is on the disk: a restart goes on from there."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._next: dict[str, int] = {}
        """When the next try of an attempt may be made, in µs of the boot clock."""
        self._stops: dict[str, threading.Event] = {}
        """Set where a pull under way is not wanted any more."""
        self._pulling: dict[str, _Wanted] = {}
        """What each pull under way is for."""
        self._here: dict[str, PulledByHand] = {}
        """By attempt: what is here, mostly as its user has pulled it, until its instance knows."""

    def _landing(self) -> list[tuple[Session, Attempt]]:
        if self.account.ctx.remote is None:
            return []
        found = {session.id: session for session in sessions.landing_sessions(self.account.ctx.store)}
        if not found:
            return []
        pairs = [(found[a.session_id], a) for a in self.account.open_attempts() if a.session_id in found]
        return [(session, attempt) for session, attempt in pairs if is_pull_due(session, attempt)]

    def pulled_by_hand(self, attempt_id: str, pulled: PulledByHand) -> None:
        """Its user has pulled all: tell the instance at once, and pull nothing more. From any thread."""
        self._here[attempt_id] = pulled
        if (stop := self._stops.get(attempt_id)) is not None:
            stop.set()
        self._next.pop(attempt_id, None)

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When each next try is due, in µs of the boot clock."""
        in_flight = self.account.calls.subjects(PULL)
        return [self._next.get(a.id, now.boot) for _, a in self._landing() if a.id not in in_flight]

    def send(self, now: ClockSnapshot) -> None:
        """Start each pull that is due, and stop those that are not wanted any more."""
        due = {attempt.id: (session, attempt) for session, attempt in self._landing()}
        for attempt_id in self._stops.keys() - due.keys():
            self._stops.pop(attempt_id).set()
        in_flight = self.account.calls.subjects(PULL)
        for attempt_id, (session, attempt) in due.items():
            if attempt_id in in_flight:
                self._stop_unless_wanted(session, attempt)
            elif self._next.get(attempt_id, now.boot) <= now.boot:
                self._pull(session, attempt, now)

    def _stop_unless_wanted(self, session: Session, attempt: Attempt) -> None:
        """Other folders are wanted now, or what was made since it began: its user has ended it, its run is over."""
        stop = self._stops.get(attempt.id)
        if stop is not None and self._pulling.get(attempt.id) != _wanted(session):
            stop.set()

    def _pull(self, session: Session, attempt: Attempt, now: ClockSnapshot) -> None:
        ctx = self.account.ctx
        remote, login = ctx.remote, ctx.login_of(attempt)
        if remote is None or login is None:
            return
        stop = self._stops[attempt.id] = threading.Event()
        self._pulling[attempt.id] = _wanted(session)
        left_s = max((attempt.hard_max_at - now.wall) / SECOND, 1.0)
        order = LandingOrder(
            session.id, session.name, session.pulls, session.pull_max,
            hook_s=hook_s(session, self.account.policy), by_user=session.landing == USER,
        )  # fmt: skip
        work = partial(self._land, remote, login, order, stop)
        if (pulled := self._counting(session, attempt)) is not None:
            tell = replace(order, pulls=(), hook_s=0, is_told_begin=not pulled.found.by_hand)
            # Before a deadline nothing there waits for it; what still runs is pulled after its end.
            is_known = session.landing in (DEADLINE, BUDGET) and pulled.found.by_hand
            work = partial(_tell, remote, login, None if is_known else tell, pulled.found)
        self.account.calls.submit((PULL, attempt.id), work, left_s, now)

    def _counting(self, session: Session, attempt: Attempt) -> PulledByHand | None:
        """What is here already, where it still counts."""
        found = self._here.get(attempt.id)
        if found is None or counts_by_hand(session, attempt, found, self.account.policy):
            return found
        del self._here[attempt.id]
        return None

    def _land(
        self, remote: InstanceAccess, login: SshTarget, order: LandingOrder, stop: threading.Event
    ) -> Landed | NotLanded:
        """Runs on the pull's thread."""
        under_way, closing = self.account.ctx.pulls_under_way, self.account.ctx.is_closing

        def report(progress: LandingProgress) -> None:
            under_way[order.session_id] = progress

        try:
            return remote.land(login, order, lambda: stop.is_set() or closing.is_set(), report)
        finally:
            under_way.pop(order.session_id, None)

    def on_result(self, attempt_id: str, value: Any, now: ClockSnapshot) -> None:
        """Record what came of a pull; what failed is tried again until the session ends."""
        found = value if isinstance(value, Landed | NotLanded) else NotLanded("the pull did not end")
        stop, pulled = self._stops.pop(attempt_id, None), self._pulling.pop(attempt_id, None)
        is_stopped = stop is not None and stop.is_set() and isinstance(found, NotLanded)
        if self.account.ctx.is_closing.is_set() or is_stopped:
            return  # something else is to be done now, at once
        self._next[attempt_id] = now.boot + us(self.account.policy.pull_retry_s)

        def work(tx: Transaction) -> None:
            attempt = sessions.load_attempt(self.account.ctx.store, attempt_id)
            session = None if attempt is None else sessions.load_session(self.account.ctx.store, attempt.session_id)
            if attempt is None or session is None or _wanted(session) != pulled:
                self._next.pop(attempt_id, None)
            elif isinstance(found, Landed) and found.untold and session.landing != USER:
                self._keep_untold(session, attempt_id, found)
            else:
                tx.run(on_pull(session, attempt, found, now))

        self.account.transact(now, work)

    def _keep_untold(self, session: Session, attempt_id: str, found: Landed) -> None:
        """All is here, but the connection broke before its instance knew: it is told, and nothing is pulled again."""
        began = (session.landing_at or 0) + hook_us(session, self.account.policy)
        theirs = frozenset(there for there, _ in session.pulls)
        self._here[attempt_id] = PulledByHand(began, theirs, replace(found, untold=""))
        self._next.pop(attempt_id, None)


def _tell(remote: InstanceAccess, login: SshTarget, order: LandingOrder | None, found: Landed) -> Landed | NotLanded:
    """Tell an instance that all was pulled, unless `order` is None; runs on the pull's thread, and pulls nothing."""
    if order is None:
        return found
    answer = remote.land(login, order, lambda: False, lambda progress: None)
    why = answer.why if isinstance(answer, NotLanded) else answer.untold
    return NotLanded(why, is_here=True) if why else found
