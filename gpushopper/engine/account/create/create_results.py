"""Records the result of a create: an id, a refusal, nothing sent, or an uncertain outcome that may have made one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.destroying import destroying_fields
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.lifecycle.failover import ACCOUNT_REASONS
from gpushopper.core.listing.ownership import DISOWNED, wrong_id_alarm
from gpushopper.core.model.actions import (
    CloseAttempt,
    EndSession,
    EventDraft,
    RaiseAlarm,
    RecordOwnership,
    UpdateAttempt,
)
from gpushopper.core.model.attempt import Attempt, ReceiptKind, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.account.calls.provider_calls import CREATE
from gpushopper.engine.account.create.create_delays import CreateDelays
from gpushopper.engine.account.create.create_payload import PayloadUnavailable
from gpushopper.engine.account.key_refusals import KeyRefusals
from gpushopper.engine.account.listing.load_recorded_state import known_instances
from gpushopper.engine.account.part_interface import Account
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Created, Refusal, RejectedCreate, UnknownOutcome
from gpushopper.store import sessions

REFUSED_PAUSE_S = 5.0
"""Least pause of the account's creates after the provider held one back, or could not be reached."""

AUTH_TRIES = 6
"""How often a create whose key was refused is tried again until that counts as a rejection."""
_KEY_ACCEPTED = frozenset({Refusal.OFFER_GONE, Refusal.BAD_REQUEST, Refusal.NO_CREDIT})
"""Refusals for which the cloud had to know whose key it is."""

PAYLOAD_TRIES = 40
"""How often a payload that cannot be built now is tried again while the attempt may wait for it (S12)."""


@dataclass(frozen=True, slots=True)
class AlreadyListed:
    """The answer named an instance that had been listed before the create was sent: the create did not make it."""

    instance_id: str


class CreateResults:
    """Writes the results of creates; an id is never thrown away, however late it comes (F5, F120)."""

    def __init__(self, account: Account, delays: CreateDelays) -> None:
        self.account = account
        self.delays = delays

    def record(self, attempt_id: str, value: Any, now: ClockSnapshot, refusals: KeyRefusals, *, late: bool) -> None:
        """Record the outcome; tried once more where another writer changed the row meanwhile."""
        value = self._weighed(value, now, refusals)
        done = self.account.transact(now, lambda tx: self._record(tx, attempt_id, value, now, late=late))
        if not done:
            self.account.transact(now, lambda tx: self._record(tx, attempt_id, value, now, late=late))

    def _record(self, tx: Transaction, attempt_id: str, value: Any, now: ClockSnapshot, *, late: bool) -> None:
        attempt = sessions.load_attempt(self.account.ctx.store, attempt_id)
        if attempt is None:
            return
        match value:
            case Created():
                self._on_id(tx, attempt, value.instance_id, now)
            case AlreadyListed():
                self._disown(tx, attempt, value.instance_id, "which was listed before", now)
            case _ if late or attempt.state is not State.SENT:
                return
            case RejectedCreate():
                self._pause_after(value, now)
                tx.run([_close_refused(attempt, value, now)])
            case NotSent():
                tx.run([_close_never_sent(attempt, "never_sent", now)])
            case PayloadUnavailable(is_transient=True):
                self._defer(tx, attempt, value, now)
            case PayloadUnavailable():
                self._end_session(tx, attempt, value, now)
            case _:
                detail = value.detail if isinstance(value, UnknownOutcome) else "no usable answer"
                tx.run([mark_uncertain(attempt, detail, now)])

    # ---- nothing was made

    def _weighed(self, value: Any, now: ClockSnapshot, refusals: KeyRefusals) -> Any:
        """The result, counted for its key. A refusal of that ends the session only if it is no throttling."""
        policy = self.account.policy
        if isinstance(value, Created) or (isinstance(value, RejectedCreate) and value.why in _KEY_ACCEPTED):
            refusals.accepted(CREATE, now)
        if not isinstance(value, RejectedCreate) or value.why is not Refusal.AUTH:
            return value
        if refusals.is_rejected(CREATE, now, policy):
            return value
        return replace(value, why=Refusal.THROTTLED, retry_after_s=policy.throttled_max_s / AUTH_TRIES)

    def _pause_after(self, value: RejectedCreate, now: ClockSnapshot) -> None:
        """After a rate limit, or a request that never left, no create is sent for a while (S11, F75)."""
        if value.why in (Refusal.THROTTLED, Refusal.NEVER_SENT):
            self.delays.pause(now.boot + us(max(value.retry_after_s or 0.0, REFUSED_PAUSE_S)))

    def _defer(self, tx: Transaction, attempt: Attempt, value: PayloadUnavailable, now: ClockSnapshot) -> None:
        """Nothing was sent, and a later try may succeed: the same offer again, after a pause (S12)."""
        until = now.boot + us(self.account.policy.prepared_max_age_s / PAYLOAD_TRIES)
        self.delays.defer(attempt.session_id, until, now.boot)
        tx.run([_close_never_sent(attempt, "never_sent", now)])
        event = EventDraft("waiting", f"nothing was sent, and it is tried again: {value.text}")
        tx.add_event(event, attempt.session_id, attempt.id)

    def _end_session(self, tx: Transaction, attempt: Attempt, value: PayloadUnavailable, now: ClockSnapshot) -> None:
        """Nothing was sent, and no other offer of the account would change that: the session ends.

        Unless failover finds offers of other accounts, at which it may be otherwise.
        """
        tx.run([_close_never_sent(attempt, value.reason, now)])
        session = sessions.load_session(self.account.ctx.store, attempt.session_id)
        if session is None:
            return
        has_others = any(offer.provider != attempt.provider for offer in session.shortlist)
        if value.reason in ACCOUNT_REASONS and session.retries_left > 0 and has_others:
            tx.add_passed_over(session, {attempt.provider: value.text})
        else:
            tx.run([EndSession(session, value.reason, f"{session.name}: {value.text}")])

    # ---- an id was answered

    def _on_id(self, tx: Transaction, attempt: Attempt, instance_id: str, now: ClockSnapshot) -> None:
        """Record the id at once, unless this create cannot have made that instance (F5, I28)."""
        store = self.account.ctx.store
        holder = sessions.find_by_instance(store, attempt.provider, attempt.account, instance_id)
        if holder is not None and holder.label == attempt.label:
            return
        ids = known_instances(store, attempt.provider, {attempt.account}, [instance_id])
        if holder is not None or ids.disowned:
            why = "which belongs to another session" if holder is not None else "which is foreign"
            self._disown(tx, attempt, instance_id, why, now)
        elif attempt.instance_id is not None:
            # Ours was found by its label. A second one with that label is a duplicate (S9); without it, it is foreign.
            why = f"but instance {attempt.instance_id} carries its label; without that label"
            tx.run([wrong_id_alarm(self._name(attempt), instance_id, why)])
        else:
            self._store_id(tx, attempt, instance_id, now)

    def _store_id(self, tx: Transaction, attempt: Attempt, instance_id: str, now: ClockSnapshot) -> None:
        """The attempt boots; or is destroyed where it was closed, or ended while its outcome was uncertain."""
        fields: dict[str, Any] = {"instance_id": instance_id, "progress_boot": now.boot}
        if attempt.state is State.CLOSED or (attempt.state is State.UNCERTAIN and not attempt.is_wanted):
            fields |= destroying_fields(now)
        else:
            fields |= {"state": State.BOOTING, "state_changed_at": now.wall, **NO_ABSENCES}
        tx.run([UpdateAttempt(attempt, fields, EventDraft("created", f"instance {instance_id} exists"))])
        if attempt.state is State.CLOSED:
            text = f"instance {instance_id} was created after its attempt was closed"
            tx.run([RaiseAlarm.with_hint(alarms.REOPENED, attempt.id, text)])
        current = tx.attempt(attempt)
        if not current.is_wanted and current.state is State.BOOTING:
            event = EventDraft("destroying", "its desired state is terminated")
            tx.run([UpdateAttempt(current, destroying_fields(now), event)])

    def _name(self, attempt: Attempt) -> str:
        session = sessions.load_session(self.account.ctx.store, attempt.session_id)
        return attempt.session_id if session is None else session.name

    def _disown(self, tx: Transaction, attempt: Attempt, instance_id: str, why: str, now: ClockSnapshot) -> None:
        """Never act on that id; what the create made, if anything, is found by its label."""
        tx.run([wrong_id_alarm(self._name(attempt), instance_id, why)])
        holder = sessions.find_by_instance(self.account.ctx.store, attempt.provider, attempt.account, instance_id)
        if holder is None and not self.account.observed.listed.get(instance_id):
            tx.run([RecordOwnership(attempt.provider, attempt.account, instance_id, None, DISOWNED)])
        if attempt.state is State.SENT:
            tx.run([mark_uncertain(attempt, f"it was answered with instance {instance_id}, {why}", now)])


def _close_refused(attempt: Attempt, value: RejectedCreate, now: ClockSnapshot) -> CloseAttempt:
    """A definite refusal made no instance; should that be untrue, its label is still recognised in a list (S11)."""
    reason = "throttled" if value.why is Refusal.THROTTLED else value.why.value
    return CloseAttempt(attempt, ReceiptKind.REFUSED, reason, _sent_at(attempt, now), {"answer": value.detail})


def _close_never_sent(attempt: Attempt, reason: str, now: ClockSnapshot) -> CloseAttempt:
    """Marked as sent, and then nothing was: there can be no cost."""
    return CloseAttempt(attempt, ReceiptKind.NEVER_SENT, reason, _sent_at(attempt, now), {})


def _sent_at(attempt: Attempt, now: ClockSnapshot) -> int:
    return attempt.sent_at if attempt.sent_at is not None else now.wall


def mark_uncertain(attempt: Attempt, detail: str, now: ClockSnapshot) -> UpdateAttempt:
    """An instance may exist: whatever came of the create, it was not a definite refusal (F1)."""
    fields: dict[str, Any] = {
        "state": State.UNCERTAIN,
        "state_changed_at": now.wall,
        "settle_elapsed_us": 0,
        "last_complete_list_boot": None,
        **NO_ABSENCES,
    }
    return UpdateAttempt(attempt, fields, EventDraft("uncertain", f"outcome of the create unknown: {detail}"))
