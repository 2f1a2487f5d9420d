"""Carry out what the rules decided: changes, books and events together in one transaction (I16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import singledispatchmethod
from typing import Any

from gpushopper.core.alarms import ABOUT_ATTEMPT, ABOUT_STATE, CLOCK_SKEW
from gpushopper.core.lifecycle.reachability import INSTALLED, NOT_APPLICABLE
from gpushopper.core.lifecycle.sightings import unwanted
from gpushopper.core.model import actions as act
from gpushopper.core.model.attempt import Attempt, DesiredState, Origin, State
from gpushopper.core.model.instance import make_label
from gpushopper.core.model.money import Micros
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.policy import HARD_MAXIMUM_S
from gpushopper.core.spending import ledger
from gpushopper.core.spending.admission import Denial, Load, denied_by_balance, denied_by_limits
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot, Deadline, us
from gpushopper.engine import orphan_adoption, receipts
from gpushopper.engine.context import Context
from gpushopper.store import alarms, events, sessions
from gpushopper.store import ledger as books


class Transaction:
    """Applies actions inside one open store transaction.

    Several actions may name the same attempt: each builds on what the one before it wrote. A row that somebody else
    changed meanwhile raises Stale, which undoes the whole transaction; the next pass decides anew (I16).
    """

    def __init__(self, ctx: Context, now: ClockSnapshot) -> None:
        self.ctx = ctx
        self.now = now
        self._attempts: dict[str, Attempt] = {}
        self._sessions: dict[str, Session] = {}
        self._standing: set[tuple[str, str]] | None = None
        self.relabels: list[act.Relabel] = []
        self.without_id: list[str] = []
        """Attempts whose id turned out to be another instance's."""

    def run(self, todo: Iterable[act.Action]) -> None:
        """Apply in order."""
        for action in todo:
            self._do(action)

    def attempt(self, attempt: Attempt) -> Attempt:
        """The attempt as this transaction left it."""
        return self._attempts.get(attempt.id, attempt)

    def session(self, session: Session) -> Session:
        """The session as this transaction left it."""
        return self._sessions.get(session.id, session)

    @singledispatchmethod
    def _do(self, action: act.Action) -> None:
        raise TypeError(f"no rule for {action!r}")

    @_do.register
    def _(self, action: act.Change) -> None:
        self.change(action.attempt, dict(action.sets), action.note)

    @_do.register
    def _(self, action: act.TerminateAttempt) -> None:
        self.unwant(action.attempt, action.reason, action.text)

    @_do.register
    def _(self, action: act.EndSession) -> None:
        self.end_session(action.session, action.reason, action.text)

    @_do.register
    def _(self, action: act.StartAttempt) -> None:
        self.start_attempt(action)

    @_do.register
    def _(self, action: act.Close) -> None:
        self.close(action)

    @_do.register
    def _(self, action: act.AdoptOrphan) -> None:
        session, attempt, alarm = orphan_adoption.adopted(self.ctx, action, self.now)
        sessions.insert_session(self.ctx.store, session)
        sessions.insert_attempt(self.ctx.store, attempt)
        self.note(act.Note("adopted", alarm.text), session.id, attempt.id)
        self._do(alarm)

    @_do.register
    def _(self, action: act.DestroyDuplicate) -> None:
        twin = orphan_adoption.twin(self.ctx, action, self.now)
        if twin is not None:
            sessions.insert_attempt(self.ctx.store, twin)
            self.note(
                act.Note("duplicate", f"instance {twin.instance_id} is a second one under a label"),
                twin.session_id,
                twin.id,
            )

    @_do.register
    def _(self, action: act.Relabel) -> None:
        self.relabels.append(action)

    @_do.register
    def _(self, action: act.Record) -> None:
        of = (action.provider, action.account, action.instance_id)
        sessions.record_ownership(
            self.ctx.store, sessions.KnownInstance(*of, action.label, action.ownership, self.now.wall)
        )

    @_do.register
    def _(self, action: act.Raise) -> None:
        if (action.kind, action.subject) in self._alarmed():
            return
        kind, subject, text, hint = action.kind, action.subject, action.text, action.hint
        if alarms.raise_alarm(self.ctx.store, at=self.now.wall, kind=kind, subject=subject, text=text, hint=hint):
            self._alarmed().add((kind, subject))
            self.note(act.Note("alarm", action.text, {"kind": action.kind}))

    @_do.register
    def _(self, action: act.Clear) -> None:
        if (action.kind, action.subject) not in self._alarmed():
            return
        if alarms.clear_alarm(self.ctx.store, at=self.now.wall, kind=action.kind, subject=action.subject):
            self._alarmed().discard((action.kind, action.subject))
            self.note(act.Note("alarm_cleared", f"{action.kind} is over", {"kind": action.kind}))

    def _alarmed(self) -> set[tuple[str, str]]:
        """What stands, read once: nearly every pass clears alarms that are not there."""
        if self._standing is None:
            self._standing = alarms.active_alarms(self.ctx.store)
        return self._standing

    # ---- the steps

    def note(self, note: act.Note, session_id: str | None = None, attempt_id: str | None = None) -> None:
        """Append an event."""
        events.append(
            self.ctx.store,
            at=self.now.wall,
            kind=note.kind,
            session_id=session_id,
            attempt_id=attempt_id,
            text=note.text,
            data=dict(note.data),
        )

    def change(self, attempt: Attempt, sets: dict[str, Any], note: act.Note | None = None) -> Attempt:
        """Write columns of one attempt, with the ledger brought up to the change where billing turns."""
        before = self.attempt(attempt)
        sets = self._with_reserve(before, self._with_books(before, sets))
        sets = {name: value for name, value in sets.items() if getattr(before, name) != value}
        current = sessions.update_attempt(self.ctx.store, before, **sets) if sets else before
        self._attempts[current.id] = current
        if current.state is not before.state:
            self._left(before)
        if before.instance_id is not None and current.instance_id is None:
            self.without_id.append(current.id)
        if note is not None:
            self.note(note, current.session_id, current.id)
        return current

    def _left(self, before: Attempt) -> None:
        """What ends with a state: its alarms, and a session's end when its instance came back."""
        self.run(act.Clear(kind, before.id) for kind in ABOUT_STATE.get(before.state, ()))
        if before.state is State.CLOSED:
            session = sessions.load_session(self.ctx.store, before.session_id)
            if session is not None and session.ended_at is not None:
                self._sessions[session.id] = sessions.update_session(self.ctx.store, session, ended_at=None)

    def _with_reserve(self, attempt: Attempt, sets: dict[str, Any]) -> dict[str, Any]:
        """A price that rose holds back more (I13)."""
        rate = sets.get("current_rate")
        if rate is None or rate <= (attempt.current_rate or 0) or "reserve" in sets or "deadline" in sets:
            return sets
        return sets | {"reserve": ledger.reserve_for(replace(attempt, current_rate=rate), self.ctx.policy)}

    def _with_books(self, attempt: Attempt, sets: dict[str, Any]) -> dict[str, Any]:
        """Entries up to now when GPU billing starts or ends, or the price moves.

        GPU time counts from the last look before it was seen active, so that it is never too little (S19).
        """
        starts = sets.get("is_gpu_billed", attempt.is_gpu_billed) and not attempt.is_gpu_billed
        ends = attempt.is_gpu_billed and not sets.get("is_gpu_billed", True)
        moved = attempt.is_gpu_billed and sets.get("current_rate", attempt.current_rate) != attempt.current_rate
        if not (starts or ends or moved) or attempt.billed_until is None:
            return sets
        until = self.now.wall
        if starts:
            until = attempt.last_seen_at if attempt.last_seen_at is not None else attempt.billed_until
        entries, booked = ledger.accrue(attempt, until)
        books.insert_entries(self.ctx.store, entries)
        return sets | {"billed_until": booked.billed_until}

    def unwant(self, attempt: Attempt, reason: str, text: str = "") -> None:
        """DesiredState `gone`, once; a never-sent attempt is closed on the spot."""
        current = self.attempt(attempt)
        if not current.is_wanted:
            return
        note = act.Note(
            "attempt_terminating", text or f"attempt {current.ordinal} is given up: {reason}", {"reason": reason}
        )
        current = self.change(current, unwanted(current, reason, self.now), note)
        if current.state is State.PREPARED:
            self.close(act.Close(current, "never_sent", reason, current.prepared_at, {}))

    def end_session(self, session: Session, reason: str, text: str = "") -> None:
        """DesiredState `gone` for the session and every attempt of it."""
        current = self.session(session)
        if current.desired_state is DesiredState.RUNNING:
            current = sessions.update_session(
                self.ctx.store, current, desired_state=DesiredState.TERMINATED, reason=reason
            )
            self._sessions[current.id] = current
            self.note(
                act.Note("end_requested", text or f"{current.name} ends: {reason}", {"reason": reason}), current.id
            )
        for attempt in sessions.attempts_of(self.ctx.store, current.id):
            if attempt.is_open:
                self.unwant(attempt, reason)
        self._note_end(current)

    def _note_end(self, session: Session) -> None:
        """The session is over once nothing of it is open."""
        self.run([act.Clear(CLOCK_SKEW, session.id)])
        if session.desired_state is DesiredState.RUNNING or any(
            a.is_open for a in sessions.attempts_of(self.ctx.store, session.id)
        ):
            return
        current = self.session(session)
        if current.ended_at is None:
            self._sessions[current.id] = sessions.update_session(self.ctx.store, current, ended_at=self.now.wall)
        self.note(
            act.Note("ended", f"{session.name} has ended: {session.reason}", {"reason": session.reason}), session.id
        )

    def start_attempt(self, action: act.StartAttempt) -> None:
        """Prepare the next attempt: row, label, deadline and reserve, before anything is sent (I1, I13)."""
        session = self.session(action.session)
        attempt = self.prepared(session, action.offer)
        denial = self.denied(attempt.provider, attempt.agreed_rate, attempt.reserve, new_session=False)
        if denial is not None:
            self.end_session(session, "limit_reached", f"{session.name}: {denial.text}")
            return
        session = sessions.update_session(
            self.ctx.store,
            session,
            shortlist=action.shortlist,
            retries_left=session.retries_left - (1 if action.uses_retry else 0),
        )
        self._sessions[session.id] = session
        sessions.insert_attempt(self.ctx.store, attempt)
        text = f"attempt {attempt.ordinal}: {action.offer.key} {action.offer.gpu}"
        self.note(act.Note("prepared", text, {"offer": action.offer.key}), session.id, attempt.id)

    def prepared(self, session: Session, offer: Offer) -> Attempt:
        """The attempt that would be made now: label, deadline and reserve, nothing written yet."""
        attempt_id = self.ctx.new_id(16)
        life = HARD_MAXIMUM_S * us(1) if session.max_duration_us is None else session.max_duration_us
        hard_max = self.now.wall + life
        wanted = (
            session.deadline_at if session.deadline_at is not None else self.now.wall + (session.duration_us or life)
        )
        attempt = Attempt(
            id=attempt_id,
            session_id=session.id,
            ordinal=len(sessions.attempts_of(self.ctx.store, session.id)) + 1,
            provider=session.provider,
            account=session.account,
            label=make_label(self.ctx.installation.id, attempt_id),
            origin=Origin.CREATED,
            offer=offer,
            disk_gb=session.disk_gb,
            state=State.PREPARED,
            desired_state=DesiredState.RUNNING,
            reason="",
            version=1,
            deadline=Deadline.at(min(wanted, hard_max), self.now),
            hard_max_at=hard_max,
            agreed_rate=offer.rate(session.disk_gb),
            reserve=0,
            guard_state=INSTALLED if self.ctx.policy.needs_login else NOT_APPLICABLE,
            prepared_at=self.now.wall,
            state_changed_at=self.now.wall,
        )
        return replace(attempt, reserve=ledger.reserve_for(attempt, self.ctx.policy))

    def denied(self, provider: str, rate: Micros, reserve: Micros, *, new_session: bool) -> Denial | None:
        """The brake or the balance that this much more would meet, counted inside this transaction (F113)."""
        load = self.load(provider)
        return denied_by_limits(load, rate, self.ctx.brakes, new_session=new_session) or denied_by_balance(
            self.ctx.balances.get(provider), load, reserve
        )

    def load(self, provider: str) -> Load:
        """What is open, what was made in the last hour, and what is held back at this provider."""
        opened = sessions.load_attempts(self.ctx.store)
        booked = books.totals_by_attempt(self.ctx.store, [a.id for a in opened])
        return Load(
            open_sessions=len(sessions.load_sessions(self.ctx.store, open_only=True)),
            creates_last_hour=sessions.count_creates_since(self.ctx.store, self.now.wall - HOUR),
            rate=sum(a.agreed_rate for a in opened if a.off_at is None),
            reserved=sum(
                ledger.still_reserved(a, sum(booked.get(a.id, {}).values()) + ledger.pending(a, self.now.wall))
                for a in opened
                if a.provider == provider
            ),
        )

    def close(self, action: act.Close) -> None:
        """Gone, with its receipt and its final cost (I5, I14)."""
        attempt = self.attempt(action.attempt)
        cost = receipts.settle(self.ctx.store, attempt, action)
        done = sessions.update_attempt(self.ctx.store, attempt, **receipts.closed(attempt, action, cost, self.now))
        self._attempts[done.id] = done
        self.run(act.Clear(kind, done.id) for kind in ABOUT_ATTEMPT)
        self.note(
            act.Note("closed", receipts.words(done, action.kind), {"kind": action.kind}), done.session_id, done.id
        )
        session = sessions.load_session(self.ctx.store, done.session_id)
        if session is not None:
            self._note_end(session)
