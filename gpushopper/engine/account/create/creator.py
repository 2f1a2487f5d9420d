"""Sends each prepared attempt's one and only create, and takes in what came of it (D2, I1, I2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.lifecycle.failover import may_replace
from gpushopper.core.lifecycle.sightings import destroying
from gpushopper.core.listing.ownership import DISOWNED, contradiction
from gpushopper.core.model.actions import Change, Close, EndSession, Note, Raise, Record
from gpushopper.core.model.attempt import Attempt, ReceiptKind, State
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.account.create.create_payload import PayloadUnavailable, build_payload
from gpushopper.engine.account.listing.recorded_state import known_instances
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Created, Endpoint, Refusal, RejectedCreate, UnknownOutcome
from gpushopper.store import sessions

if TYPE_CHECKING:
    from gpushopper.engine.account.reconciler import AccountReconciler

CREATE = "create"
BLOCKED_PAUSE_S = 1.0
UNSENT_PAUSE_S = 5.0
TRIES = 40
"""How often what could not be made for a create is asked for again, as long as somebody is taken to wait (S12)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The answer names an instance that had been listed before the create was sent: it did not make it."""

    answer: Created


class Creator:
    """The reconciler's part that creates; at most one create per attempt, ever."""

    def __init__(self, reconciler: AccountReconciler) -> None:
        self.reconciler = reconciler
        self._not_before = 0
        self._held: dict[str, int] = {}
        """Sessions whose own create waits, and until when by the boot clock: no other one waits with it."""

    def _waiting(self) -> list[Attempt]:
        return [a for a in self.reconciler.open_attempts() if a.state is State.PREPARED and a.is_wanted]

    def _may_create(self, now: ClockSnapshot) -> bool:
        """Only with a recent whole list, the right account, no copied home, and an end without us (F79, S10, S16).

        And by a clock that the provider's bears out: limits that count from a wrong send end it at once (F62, I12).
        """
        ctx, health = self.reconciler.ctx, self.reconciler.health
        return (
            ctx.may_spend
            and health.is_ready
            and not health.wrong_account
            and health.is_fresh_for_create(now, ctx.policy)
            and not health.is_degraded
            and not health.is_inconsistent
            and self.reconciler.can_rent
            and not clocks_disagree(self.reconciler.at(now))
        )

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When a create can next be sent, on the boot clock."""
        if not self._waiting() or not self._may_create(now):
            return []
        free = max(self.reconciler.free_boot(Endpoint.CREATE, now), self._not_before)
        return [max(free, self._held.get(attempt.session_id, 0)) for attempt in self._waiting()]

    def send(self, now: ClockSnapshot) -> None:
        """Commit `sent`, then send once. The commit comes first: a crash in between only costs an uncertain attempt."""
        self._doubt_lost(now)
        for attempt in self._waiting() if now.boot >= self._not_before else ():
            if now.boot < self._held.get(attempt.session_id, 0):
                continue
            if (
                self.reconciler.connection is None
                or not self._may_create(now)
                or not self.reconciler.is_free(Endpoint.CREATE, now)
            ):
                return
            session = sessions.load_session(self.reconciler.ctx.store, attempt.session_id)
            if session is not None and self._commit_sent(attempt, now):
                self._submit(session, attempt, now)

    def _doubt_lost(self, now: ClockSnapshot) -> None:
        """A create that is out but no longer under way had an answer that could not be written: doubt it (F67)."""
        under_way = {key[2] for key in self.reconciler.in_flight if key[1] == CREATE}
        for attempt in self.reconciler.open_attempts():
            if attempt.state is State.SENT and attempt.id not in under_way:
                change = _doubt(attempt, "its answer was lost", now)
                self.reconciler.transact(now, partial(_run_one, change=change))

    def _commit_sent(self, attempt: Attempt, now: ClockSnapshot) -> bool:
        """Write `sent`, unless an earlier attempt of the session has come back meanwhile (F10)."""
        written: list[Attempt] = []

        def work(tx: Transaction) -> None:
            others = sessions.attempts_of(self.reconciler.ctx.store, attempt.session_id)
            if all(may_replace(other) for other in others if other.id != attempt.id):
                tx.run([_sent(attempt, now)])
                written.append(tx.attempt(attempt))

        done = self.reconciler.transact(now, work) and bool(written)
        if not done:
            self._not_before = now.boot + us(BLOCKED_PAUSE_S)
        return done

    def _submit(self, session: Session, attempt: Attempt, now: ClockSnapshot) -> None:
        """Hand over to a thread, which packs too: a program or keyring that hangs must not hold up the engine."""
        connection, clock, policy = self.reconciler.connection, self.reconciler.ctx.clock, self.reconciler.ctx.policy
        if connection is None:
            return
        not_after = clock.monotonic() + policy.send_limit_s
        before = frozenset(self.reconciler.listed)

        def send_once() -> Created | Listed | RejectedCreate | UnknownOutcome | NotSent | PayloadUnavailable:
            parcel = build_payload(
                self.reconciler.ctx, session, attempt, connection.recipe, lambda: not_after - clock.monotonic()
            )
            if isinstance(parcel, PayloadUnavailable):
                return parcel
            left = not_after - clock.monotonic()
            answer = connection.create(parcel, left) if left > 0 else NotSent()
            return Listed(answer) if isinstance(answer, Created) and answer.instance_id in before else answer

        self.reconciler.submit((CREATE, attempt.id), send_once, policy.send_limit_s, now)

    # ---- what came of it

    def took(self, attempt_id: str, value: Any, now: ClockSnapshot, *, late: bool) -> None:
        """Record the outcome; an id is never thrown away, however late it comes (F5, F120)."""
        done = self.reconciler.transact(now, lambda tx: self._record(tx, attempt_id, value, now, late=late))
        if not done:
            self.reconciler.transact(now, lambda tx: self._record(tx, attempt_id, value, now, late=late))
        self.reconciler.wake()

    def _record(self, tx: Transaction, attempt_id: str, value: Any, now: ClockSnapshot, *, late: bool) -> None:
        attempt = sessions.load_attempt(self.reconciler.ctx.store, attempt_id)
        if attempt is None:
            return
        match value:
            case Created():
                self._created(tx, attempt, value.instance_id, now)
            case Listed(answer):
                self._contradicted(tx, attempt, answer.instance_id, "which was there before", now)
            case _ if late or attempt.state is not State.SENT:
                return
            case RejectedCreate():
                self._pause_after(value, now)
                reason = value.why.value
                tx.run([_refused(attempt, reason, value, now)])
            case NotSent():
                tx.run([_never_sent(attempt, "never_sent", now)])
            case PayloadUnavailable(passes=True):
                self._hold(tx, attempt, value, now)
            case PayloadUnavailable():
                self._give_up(tx, attempt, value, now)
            case _:
                detail = value.detail if isinstance(value, UnknownOutcome) else "no usable answer"
                tx.run([_doubt(attempt, detail, now)])

    def _hold(self, tx: Transaction, attempt: Attempt, value: PayloadUnavailable, now: ClockSnapshot) -> None:
        """Nothing was sent, and a later try may have what it needs: the same offer again, after a pause (S12)."""
        self._held = {name: until for name, until in self._held.items() if until > now.boot}
        self._held[attempt.session_id] = now.boot + us(self.reconciler.ctx.policy.prepared_max_age_s / TRIES)
        tx.run([_never_sent(attempt, "never_sent", now)])
        note = Note("waiting", f"nothing was sent, and it is tried again: {value.text}")
        tx.note(note, attempt.session_id, attempt.id)

    def _give_up(self, tx: Transaction, attempt: Attempt, value: PayloadUnavailable, now: ClockSnapshot) -> None:
        """Nothing was sent, and no other offer would change it: the session is over."""
        tx.run([_never_sent(attempt, value.reason, now)])
        session = sessions.load_session(self.reconciler.ctx.store, attempt.session_id)
        if session is not None:
            tx.run([EndSession(session, value.reason, f"{session.name}: {value.text}")])

    def _pause_after(self, value: RejectedCreate, now: ClockSnapshot) -> None:
        """A create that was held back, or never left, is not asked for again at once (S11, F75)."""
        if value.why in (Refusal.THROTTLED, Refusal.NEVER_SENT):
            self._not_before = now.boot + us(max(value.retry_after_s or 0.0, UNSENT_PAUSE_S))

    def _created(self, tx: Transaction, attempt: Attempt, instance_id: str, now: ClockSnapshot) -> None:
        """An id was answered: recorded at once, unless it cannot be what this create made (F5, I28)."""
        store = self.reconciler.ctx.store
        holder = sessions.find_by_instance(store, attempt.provider, attempt.account, instance_id)
        if holder is not None and holder.label == attempt.label:
            return
        ids = known_instances(store, attempt.provider, attempt.account, [instance_id])
        if holder is not None or ids.disowned:
            why = "which belongs to another session" if holder is not None else "which is somebody else's"
            self._contradicted(tx, attempt, instance_id, why, now)
        elif attempt.instance_id is not None:
            # Ours was found by its label. A second one with that label is a twin (S9); without it, it is not ours.
            why = f"but instance {attempt.instance_id} carries its label; without that label"
            tx.run([contradiction(self._name(attempt), instance_id, why)])
        else:
            self._take_id(tx, attempt, instance_id, now)

    def _take_id(self, tx: Transaction, attempt: Attempt, instance_id: str, now: ClockSnapshot) -> None:
        sets: dict[str, Any] = {"instance_id": instance_id, "progress_boot": now.boot}
        if attempt.state is State.CLOSED or (attempt.state is State.UNCERTAIN and not attempt.is_wanted):
            sets |= destroying(now)
        else:
            sets |= {"state": State.BOOTING, "state_changed_at": now.wall, **NO_ABSENCES}
        tx.run([Change(attempt, sets, Note("created", f"instance {instance_id} exists"))])
        if attempt.state is State.CLOSED:
            text = f"instance {instance_id} was created after its attempt was closed"
            tx.run([Raise(alarms.REOPENED, attempt.id, text, alarms.HINTS[alarms.REOPENED])])
        current = tx.attempt(attempt)
        if not current.is_wanted and current.state is State.BOOTING:
            tx.run([Change(current, destroying(now), Note("destroying", "it is not wanted any more"))])

    def _name(self, attempt: Attempt) -> str:
        session = sessions.load_session(self.reconciler.ctx.store, attempt.session_id)
        return attempt.session_id if session is None else session.name

    def _contradicted(self, tx: Transaction, attempt: Attempt, instance_id: str, why: str, now: ClockSnapshot) -> None:
        """Nothing is done by that id, now or later; what the create made, if anything, is found by its label."""
        tx.run([contradiction(self._name(attempt), instance_id, why)])
        held = sessions.find_by_instance(self.reconciler.ctx.store, attempt.provider, attempt.account, instance_id)
        if held is None and not self.reconciler.listed.get(instance_id):
            tx.run([Record(attempt.provider, attempt.account, instance_id, None, DISOWNED)])
        if attempt.state is State.SENT:
            tx.run([_doubt(attempt, f"it was answered with instance {instance_id}, {why}", now)])


def _sent(attempt: Attempt, now: ClockSnapshot) -> Change:
    sets: dict[str, Any] = {
        "state": State.SENT,
        "state_changed_at": now.wall,
        "sent_at": now.wall,
        "billed_until": now.wall,
        "progress_boot": now.boot,
    }
    return Change(attempt, sets, Note("sent", f"asking {attempt.provider} for {attempt.offer.key}"))


def _run_one(tx: Transaction, change: Change) -> None:
    tx.run([change])


def _refused(attempt: Attempt, reason: str, value: RejectedCreate, now: ClockSnapshot) -> Close:
    """Nothing exists; the sweep still knows the label, should that be untrue (S11)."""
    named = "throttled" if value.why is Refusal.THROTTLED else reason
    return Close(attempt, ReceiptKind.REFUSED, named, _sent_at(attempt, now), {"answer": value.detail})


def _never_sent(attempt: Attempt, reason: str, now: ClockSnapshot) -> Close:
    """Marked as sent, and then it was not: nothing can have cost anything."""
    return Close(attempt, ReceiptKind.NEVER_SENT, reason, _sent_at(attempt, now), {})


def _sent_at(attempt: Attempt, now: ClockSnapshot) -> int:
    return attempt.sent_at if attempt.sent_at is not None else now.wall


def _doubt(attempt: Attempt, detail: str, now: ClockSnapshot) -> Change:
    """Anything but a definite refusal: an instance may exist (F1)."""
    sets: dict[str, Any] = {
        "state": State.UNCERTAIN,
        "state_changed_at": now.wall,
        "settle_elapsed_us": 0,
        "last_complete_list_boot": None,
        **NO_ABSENCES,
    }
    return Change(attempt, sets, Note("uncertain", f"unclear whether the create acted: {detail}"))
