"""Sends each prepared attempt's only create, and decides whether an account may be rented on now (I1, I2)."""

from __future__ import annotations

from functools import partial
from typing import Any

from gpushopper.core.cloud import BillingStart
from gpushopper.core.lifecycle.create_replay import mark_replayed, may_replay
from gpushopper.core.lifecycle.destroying import destroy_retry_s
from gpushopper.core.lifecycle.failover import may_fail_over
from gpushopper.core.model.actions import EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.account.calls.provider_calls import CREATE
from gpushopper.engine.account.create.create_delays import CreateDelays
from gpushopper.engine.account.create.create_payload import PayloadUnavailable, build_payload, with_registered_key
from gpushopper.engine.account.create.create_results import AlreadyListed, CreateResults, mark_uncertain
from gpushopper.engine.account.key_refusals import KeyRefusals
from gpushopper.engine.account.part_interface import RentableAccount
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Created, Endpoint, RejectedCreate, UnknownOutcome
from gpushopper.store import sessions

BLOCKED_PAUSE_S = 1.0
"""Pause of the account's creates after an attempt could not be marked as sent."""

CreateOutcome = Created | AlreadyListed | RejectedCreate | UnknownOutcome | NotSent | PayloadUnavailable


class Creator:
    """The reconciler's part that creates; one create per attempt, or several with one token where that makes one."""

    def __init__(self, account: RentableAccount) -> None:
        self.account = account
        self.delays = CreateDelays()
        self.results = CreateResults(account, self.delays)
        self._replays: dict[str, int] = {}
        """How often each uncertain create was sent again."""
        self._next_replay: dict[str, int] = {}
        """When each may be sent again, in µs of the boot clock."""

    def _waiting(self) -> list[Attempt]:
        """Those of the account that the key opens now: a key may have changed since they were prepared."""
        prepared = [a for a in self.account.open_attempts() if a.state is State.PREPARED and a.is_wanted]
        own = self.account.identity
        return prepared if own is None else [a for a in prepared if a.account in own.accounts()]

    def _may_create(self, now: ClockSnapshot) -> bool:
        """Whether renting is allowed: the account's health, the home, and a sure end of what is rented.

        Needs a recent complete and consistent list of the expected account, a home that is not a copy, and a guard
        (F79, S10, S16). Also a clock that agrees with the provider's: time limits that count from a wrong send would
        end the session at once (F62, I12).
        """
        ctx, health = self.account.ctx, self.account.observed.health
        return (
            ctx.may_spend
            and health.is_ready
            and not health.wrong_account
            and not self.account.same_as
            and health.is_fresh_for_create(now, self.account.policy)
            and not health.is_degraded
            and not health.is_inconsistent
            and self.account.can_rent
            and not clocks_disagree(self.account.observed.at(now))
        )

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When each waiting create can be sent, in µs of the boot clock."""
        waiting, cut_off = self._waiting(), self._cut_off(now)
        if not (waiting or cut_off) or not self._may_create(now):
            return []
        free = max(self.account.calls.free_boot(Endpoint.CREATE, now), self.delays.not_before)
        dues = [max(free, self.delays.deferred_until(attempt.session_id)) for attempt in waiting]
        return dues + [max(free, self._next_replay.get(attempt.id, now.boot)) for attempt in cut_off]

    def send(self, now: ClockSnapshot) -> None:
        """Commit `sent`, then send once. The commit comes first: a crash in between only costs an uncertain attempt."""
        self._mark_lost_uncertain(now)
        self._send_again(now)
        for attempt in self._waiting() if now.boot >= self.delays.not_before else ():
            if now.boot < self.delays.deferred_until(attempt.session_id):
                continue
            if (
                self.account.client is None
                or not self._may_create(now)
                or not self.account.calls.is_free(Endpoint.CREATE, now)
            ):
                return
            session = sessions.load_session(self.account.ctx.store, attempt.session_id)
            if session is not None and self._commit_sent(attempt, now):
                self._submit(session, attempt, now)

    def _cut_off(self, now: ClockSnapshot) -> list[Attempt]:
        """Uncertain creates that may be sent again with their token, and are not on their way."""
        client = self.account.client
        if client is None or client.traits.limits.create_replay_s <= 0:
            return []
        at, policy, limits = self.account.observed.at(now), self.account.policy, client.traits.limits
        in_flight, digest = self.account.calls.subjects(CREATE), self.account.key_digest
        return [
            a
            for a in self.account.open_attempts()
            if a.id not in in_flight and may_replay(a, digest, limits, at, policy)
        ]

    def _send_again(self, now: ClockSnapshot) -> None:
        """Send at most one uncertain create again, with the pauses of destroys."""
        cut_off = self._cut_off(now)
        kept = {attempt.id for attempt in cut_off} | self.account.calls.subjects(CREATE)
        self._replays = {each: count for each, count in self._replays.items() if each in kept}
        for attempt in cut_off:
            pause = us(destroy_retry_s(self._replays.get(attempt.id, 0) + 1, self.account.policy))
            due = self._next_replay.setdefault(attempt.id, now.boot + pause)
            if now.boot < max(due, self.delays.not_before) or not self._may_create(now):
                continue
            if not self.account.calls.is_free(Endpoint.CREATE, now):
                return
            count = self._replays[attempt.id] = self._replays.get(attempt.id, 0) + 1
            self._next_replay[attempt.id] = now.boot + us(destroy_retry_s(count + 1, self.account.policy))
            session = sessions.load_session(self.account.ctx.store, attempt.session_id)
            change = mark_replayed(attempt, count)
            if session is not None and self.account.transact(now, partial(_run_one, change=change)):
                self._submit(session, attempt, now, is_replay=True)
            return

    def _mark_lost_uncertain(self, now: ClockSnapshot) -> None:
        """A create that was sent and is no longer in flight had an answer that could not be written (F67)."""
        in_flight = self.account.calls.subjects(CREATE)
        for attempt in self.account.open_attempts():
            if attempt.state is State.SENT and attempt.id not in in_flight:
                change = mark_uncertain(attempt, "its answer was lost", now)
                self.account.transact(now, partial(_run_one, change=change))

    def _commit_sent(self, attempt: Attempt, now: ClockSnapshot) -> bool:
        """Write `sent`, unless an earlier attempt of the session has come back meanwhile (F10)."""
        written: list[Attempt] = []

        def work(tx: Transaction) -> None:
            others = sessions.attempts_of(self.account.ctx.store, attempt.session_id)
            if all(may_fail_over(other) for other in others if other.id != attempt.id):
                tx.run([_mark_sent(attempt, self.account.key_digest, now)])
                written.append(tx.attempt(attempt))

        done = self.account.transact(now, work) and bool(written)
        if not done:
            self.delays.pause(now.boot + us(BLOCKED_PAUSE_S))
        return done

    def _submit(self, session: Session, attempt: Attempt, now: ClockSnapshot, *, is_replay: bool = False) -> None:
        """Build the payload and send it on a thread: an ssh-keygen or keyring that hangs must not block the engine.

        The instance of a replay may have been listed meanwhile: then its label decides, here and for no other create.
        """
        client, ctx = self.account.client, self.account.ctx
        if client is None:
            return
        clock, limit = ctx.clock, self.account.policy.create_timeout_s
        not_after = clock.monotonic() + limit
        listed_before = frozenset(self.account.observed.listed)
        labelled = frozenset(each for each, has_label in self.account.observed.listed.items() if has_label)

        def send_once() -> CreateOutcome:
            payload = build_payload(ctx, session, attempt, client, lambda: not_after - clock.monotonic())
            if not isinstance(payload, PayloadUnavailable):
                payload = with_registered_key(client, payload, not_after - clock.monotonic())
            if isinstance(payload, PayloadUnavailable):
                return payload
            left = not_after - clock.monotonic()
            answer = client.create(payload, left) if left > 0 else NotSent()
            if isinstance(answer, Created) and answer.instance_id in listed_before:
                if is_replay:
                    return answer if answer.instance_id in labelled else UnknownOutcome("it names a listed instance")
                return AlreadyListed(answer.instance_id)
            return answer

        self.account.calls.submit((CREATE, attempt.id), send_once, limit, now)

    def on_result(self, attempt_id: str, value: Any, now: ClockSnapshot, refusals: KeyRefusals, *, late: bool) -> None:
        """Record the result of a create, then poll: the list shows what it made. `refusals` are of its key."""
        self.results.record(attempt_id, value, now, refusals, late=late)
        self.account.wake()


def _mark_sent(attempt: Attempt, key_digest: str, now: ClockSnapshot) -> UpdateAttempt:
    fields: dict[str, Any] = {
        "state": State.SENT,
        "state_changed_at": now.wall,
        "sent_at": now.wall,
        "billed_until": now.wall,
        "is_gpu_billed": attempt.offer.billing.begins is BillingStart.CREATE,
        "progress_boot": now.boot,
        "made_by_key": key_digest,
    }
    return UpdateAttempt(attempt, fields, EventDraft("sent", f"requesting {attempt.offer.key}"))


def _run_one(tx: Transaction, change: UpdateAttempt) -> None:
    tx.run([change])
