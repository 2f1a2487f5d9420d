"""Transaction: carry out actions as rows, ledger entries, alarms and events, all in one commit (I16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import singledispatchmethod
from typing import Any

from gpushopper.clouds import console_of
from gpushopper.core.alarms import ABOUT_ATTEMPT, ABOUT_STATE, CLOCK_SKEW, fill_hint, names_cloud, names_session
from gpushopper.core.lifecycle.destroying import terminate_fields
from gpushopper.core.lifecycle.ends.landing import not_pulled_text
from gpushopper.core.lifecycle.failover import PASSED_OVER
from gpushopper.core.model import actions as act
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.session import Session
from gpushopper.core.spending import ledger
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine import orphan_adoption
from gpushopper.engine.context import Context
from gpushopper.engine.money import receipts
from gpushopper.engine.money.spending_check import denial_of_attempt
from gpushopper.engine.new_attempt import new_attempt
from gpushopper.store import alarms, events, known_instances, sessions
from gpushopper.store import ledger as ledger_table


class Transaction:
    """Applies actions inside one open store transaction.

    Several actions may name the same attempt: each builds on what the one before it wrote. A row that another thread
    changed meanwhile raises Stale, which rolls the whole transaction back; the next pass decides again (I16).
    """

    def __init__(self, ctx: Context, now: ClockSnapshot, provider: str = "") -> None:
        self.ctx = ctx
        self.now = now
        self.provider = provider
        """The account that alarms without an attempt are about."""
        self._attempts: dict[str, Attempt] = {}
        self._sessions: dict[str, Session] = {}
        self._active: set[tuple[str, str]] | None = None
        self.relabels: list[act.Relabel] = []
        self.without_id: list[str] = []
        """Attempts whose instance id turned out to be another instance's."""

    def run(self, todo: Iterable[act.Action]) -> None:
        """Apply in order."""
        for action in todo:
            _handler(type(action))(self, action)

    def attempt(self, attempt: Attempt) -> Attempt:
        """The attempt as this transaction left it."""
        return self._attempts.get(attempt.id, attempt)

    def session(self, session: Session) -> Session:
        """The session as this transaction left it."""
        return self._sessions.get(session.id, session)

    @singledispatchmethod
    def _do(self, action: act.Action) -> None:
        raise TypeError(f"no handler for {action!r}")

    @_do.register
    def _(self, action: act.UpdateAttempt) -> None:
        self.change(action.attempt, dict(action.fields), action.event)

    @_do.register
    def _(self, action: act.UpdateSession) -> None:
        before = self.session(action.session)
        changed = {name: value for name, value in action.fields.items() if getattr(before, name) != value}
        self._sessions[before.id] = sessions.update_session(self.ctx.store, before, **changed)
        if action.event is not None:
            self.add_event(action.event, before.id)

    @_do.register
    def _(self, action: act.TerminateAttempt) -> None:
        self.terminate_attempt(action.attempt, action.reason, action.text)

    @_do.register
    def _(self, action: act.EndSession) -> None:
        self.end_session(action.session, action.reason, action.text)

    @_do.register
    def _(self, action: act.StartAttempt) -> None:
        self.start_attempt(action)

    @_do.register
    def _(self, action: act.CloseAttempt) -> None:
        self.close(action)

    @_do.register
    def _(self, action: act.BillDiskAlone) -> None:
        attempt = self.attempt(action.attempt)
        entries, booked = ledger.accrue_disk_alone(attempt, self.now.wall)
        ledger_table.insert_entries(self.ctx.store, entries)
        columns = {"is_gpu_billed": False, **ledger.booked_columns(booked)}
        self._attempts[attempt.id] = sessions.update_attempt(self.ctx.store, attempt, **columns)
        text = f"the disk of instance {attempt.instance_id} is left, and bills alone"
        self.add_event(act.EventDraft("disk_left", text), attempt.session_id, attempt.id)

    @_do.register
    def _(self, action: act.AdoptOrphan) -> None:
        session, attempt, alarm = orphan_adoption.adopt(self.ctx, action, self.now)
        sessions.insert_session(self.ctx.store, session)
        sessions.insert_attempt(self.ctx.store, attempt)
        self.add_event(act.EventDraft("adopted", alarm.text), session.id, attempt.id)
        self._do(alarm)

    @_do.register
    def _(self, action: act.DestroyDuplicate) -> None:
        duplicate = orphan_adoption.duplicate_attempt(self.ctx, action, self.now)
        if duplicate is not None:
            sessions.insert_attempt(self.ctx.store, duplicate)
            self.add_event(
                act.EventDraft("duplicate", f"instance {duplicate.instance_id} is a second one under a label"),
                duplicate.session_id,
                duplicate.id,
            )

    @_do.register
    def _(self, action: act.Relabel) -> None:
        self.relabels.append(action)

    @_do.register
    def _(self, action: act.RecordOwnership) -> None:
        of = (action.provider, action.account, action.instance_id)
        known = known_instances.KnownInstance(*of, action.label, action.ownership, self.now.wall)
        known_instances.record_ownership(self.ctx.store, known)

    @_do.register
    def _(self, action: act.RaiseAlarm) -> None:
        if (action.kind, action.subject) in self._active_alarms():
            return
        kind, subject, text, hint = action.kind, action.subject, action.text, self._filled(action.hint, action.subject)
        if alarms.raise_alarm(self.ctx.store, at=self.now.wall, kind=kind, subject=subject, text=text, hint=hint):
            self._active_alarms().add((kind, subject))
            data = {"kind": kind, "subject": subject, "hint": hint}
            self.add_event(act.EventDraft("alarm", text, data))

    @_do.register
    def _(self, action: act.ClearAlarm) -> None:
        if (action.kind, action.subject) not in self._active_alarms():
            return
        if alarms.clear_alarm(self.ctx.store, at=self.now.wall, kind=action.kind, subject=action.subject):
            self._active_alarms().discard((action.kind, action.subject))
            self.add_event(act.EventDraft("alarm_cleared", f"{action.kind} is over", {"kind": action.kind}))

    def _filled(self, hint: str, subject: str) -> str:
        """The hint of an alarm, with session and cloud of its subject: an attempt's, else this transaction's cloud."""
        if not names_cloud(hint) and not names_session(hint):
            return hint
        attempt = self._attempts.get(subject) or sessions.load_attempt(self.ctx.store, subject)
        if attempt is None and not names_cloud(hint):
            return hint
        provider = self.provider if attempt is None else attempt.provider
        session = None if attempt is None else sessions.load_session(self.ctx.store, attempt.session_id)
        name = "" if session is None else session.name
        return fill_hint(hint, provider, console_of(self.ctx.cloud_of(provider)), name)

    def _active_alarms(self) -> set[tuple[str, str]]:
        """The kinds and subjects of the active alarms, read once: most passes clear alarms that are not active."""
        if self._active is None:
            self._active = alarms.active_alarms(self.ctx.store)
        return self._active

    # ---- what actions and commands do

    def add_event(self, event: act.EventDraft, session_id: str | None = None, attempt_id: str | None = None) -> None:
        """Append an event."""
        events.append(
            self.ctx.store,
            at=self.now.wall,
            kind=event.kind,
            session_id=session_id,
            attempt_id=attempt_id,
            text=event.text,
            data=dict(event.data),
        )

    def change(self, attempt: Attempt, fields: dict[str, Any], event: act.EventDraft | None = None) -> Attempt:
        """Write columns of one attempt, with ledger entries up to now where its billing changes."""
        before = self.attempt(attempt)
        fields = self._with_reserve(before, self._with_ledger(before, fields))
        fields = {name: value for name, value in fields.items() if getattr(before, name) != value}
        current = sessions.update_attempt(self.ctx.store, before, **fields) if fields else before
        self._attempts[current.id] = current
        if current.state is not before.state:
            self._on_state_left(before)
        if before.instance_id is not None and current.instance_id is None:
            self.without_id.append(current.id)
        if event is not None:
            self.add_event(event, current.session_id, current.id)
        return current

    def _on_state_left(self, before: Attempt) -> None:
        """Clear the alarms about the former state; a session whose closed attempt is reopened has not ended."""
        self.run(act.ClearAlarm(kind, before.id) for kind in ABOUT_STATE.get(before.state, ()))
        if before.state is State.CLOSED:
            session = sessions.load_session(self.ctx.store, before.session_id)
            if session is not None and session.ended_at is not None:
                self._sessions[session.id] = sessions.update_session(self.ctx.store, session, ended_at=None)

    def _with_reserve(self, attempt: Attempt, fields: dict[str, Any]) -> dict[str, Any]:
        """A higher rate needs a higher reserve (I13)."""
        rate = fields.get("current_rate")
        if rate is None or rate <= (attempt.current_rate or 0) or "reserve" in fields or "deadline" in fields:
            return fields
        return fields | {"reserve": self.ctx.reserve_for(replace(attempt, current_rate=rate))}

    def _with_ledger(self, attempt: Attempt, fields: dict[str, Any]) -> dict[str, Any]:
        """Write ledger entries up to now when GPU time or disk starts or ends to bill, or the rate changes.

        GPU time counts from the last sighting before it was seen active, so that it is never too little (S19).
        """
        before = {name: getattr(attempt, name) for name in ("is_gpu_billed", "is_storage_billed")}
        starts = any(fields.get(name, was) and not was for name, was in before.items())
        ends = any(was and not fields.get(name, was) for name, was in before.items())
        moved = attempt.is_gpu_billed and fields.get("current_rate", attempt.current_rate) != attempt.current_rate
        if not (starts or ends or moved) or attempt.billed_until is None:
            return fields
        until = fields.get("self_ended_at") or self.now.wall
        if starts:
            until = attempt.last_seen_at if attempt.last_seen_at is not None else attempt.billed_until
        entries, booked = ledger.accrue(attempt, until)
        ledger_table.insert_entries(self.ctx.store, entries)
        return fields | ledger.booked_columns(booked)

    def terminate_attempt(self, attempt: Attempt, reason: str, text: str = "") -> None:
        """Set the desired state `terminated`, once; an attempt that was never sent is closed at once."""
        current = self.attempt(attempt)
        if not current.is_wanted:
            return
        event = act.EventDraft(
            "attempt_terminating", text or f"attempt {current.ordinal} ends: {reason}", {"reason": reason}
        )
        current = self.change(current, terminate_fields(current, reason, self.now), event)
        if current.state is State.PREPARED:
            self.close(act.CloseAttempt(current, "never_sent", reason, current.prepared_at, {}))

    def end_session(self, session: Session, reason: str, text: str = "") -> None:
        """Set the desired state `terminated` for the session and every attempt of it."""
        current = self.session(session)
        if current.desired_state is DesiredState.RUNNING:
            current = sessions.update_session(
                self.ctx.store, current, desired_state=DesiredState.TERMINATED, reason=reason
            )
            self._sessions[current.id] = current
            said = text or f"{current.name} ends: {_words(reason)}"
            self.add_event(act.EventDraft("end_requested", said, {"reason": reason}), current.id)
            if lost := not_pulled_text(current):
                self.add_event(act.EventDraft("not_pulled", f"{current.name}: {lost}"), current.id)
        for attempt in sessions.attempts_of(self.ctx.store, current.id):
            if attempt.is_open:
                self.terminate_attempt(attempt, reason)
        self._record_end(current)

    def _record_end(self, session: Session) -> None:
        """Record that the session has ended, once none of its attempts is open."""
        self.run([act.ClearAlarm(CLOCK_SKEW, session.id)])
        if session.desired_state is DesiredState.RUNNING or any(
            a.is_open for a in sessions.attempts_of(self.ctx.store, session.id)
        ):
            return
        current = self.session(session)
        if current.ended_at is None:
            self._sessions[current.id] = sessions.update_session(self.ctx.store, current, ended_at=self.now.wall)
        text = f"{session.name} has ended: {_words(session.reason)}"
        self.add_event(act.EventDraft("ended", text, {"reason": session.reason}), session.id)

    def start_attempt(self, action: act.StartAttempt) -> None:
        """Failover: write the session's next attempt; a limit may end the session instead (I13).

        The limits, budgets and the balance of the account it goes to are checked here, where nothing else can use them
        up. What denies that account alone (its balance, its budget) passes over its offers; where no other is left, it
        ends the session.
        """
        session, passed_over = self.session(action.session), dict(action.passed_over)
        for choice in action.choices:
            attempt = new_attempt(
                self.ctx, session, choice.offer, choice.at, account=choice.account, image=choice.image
            )
            denial = denial_of_attempt(self.ctx, session, attempt, self.now, new_session=False)
            if denial is None:
                self.add_passed_over(session, passed_over)
                self._insert_next(session, attempt, choice)
                return
            passed_over.setdefault(attempt.provider, denial.text)
            if not denial.is_of_account:
                break
        self.end_session(session, "limit_reached", f"{session.name}: {'; '.join(passed_over.values())}")

    def add_passed_over(self, session: Session, passed_over: dict[str, str]) -> None:
        """Append an event for each account that was not chosen although its offers come first."""
        for name, why in passed_over.items():
            event = act.EventDraft(PASSED_OVER, f"{name} is passed over: {why}", {"provider": name})
            self.add_event(event, session.id)

    def _insert_next(self, session: Session, attempt: Attempt, choice: act.Choice) -> None:
        left = session.retries_left - (1 if choice.uses_retry else 0)
        session = sessions.update_session(self.ctx.store, session, shortlist=choice.shortlist, retries_left=left)
        self._sessions[session.id] = session
        self.insert_attempt(attempt)

    def insert_attempt(self, attempt: Attempt) -> None:
        """Write a new attempt; its create is sent only after this commit (I1)."""
        sessions.insert_attempt(self.ctx.store, attempt)
        text = f"attempt {attempt.ordinal}: {attempt.offer.key} {attempt.offer.gpu}"
        self.add_event(act.EventDraft("prepared", text, {"offer": attempt.offer.key}), attempt.session_id, attempt.id)

    def close(self, action: act.CloseAttempt) -> None:
        """Close an attempt with its receipt and its final cost (I5, I14)."""
        attempt = self.attempt(action.attempt)
        cost = receipts.settle_cost(self.ctx.store, attempt, action)
        columns = receipts.closed_columns(attempt, action, cost, self.now)
        done = sessions.update_attempt(self.ctx.store, attempt, **columns)
        self._attempts[done.id] = done
        self.run(act.ClearAlarm(kind, done.id) for kind in ABOUT_ATTEMPT)
        event = act.EventDraft("closed", receipts.describe_receipt(done, action.kind), {"kind": action.kind})
        self.add_event(event, done.session_id, done.id)
        session = sessions.load_session(self.ctx.store, done.session_id)
        if session is not None:
            self._record_end(session)


def _words(reason: str) -> str:
    """A reason as it stands in a text; the events' data has the word itself."""
    return reason.replace("_", " ")


_handler = vars(Transaction)["_do"].dispatcher.dispatch
"""The handler of a kind of action; to reach it through the attribute makes a function for each action."""
