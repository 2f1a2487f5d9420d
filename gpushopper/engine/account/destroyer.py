"""Sends destroys, grouped into bulk calls, and retries them with backoff until each instance is proven gone (I6)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from gpushopper.core import alarms
from gpushopper.core.lifecycle.destroying import after_destroy
from gpushopper.core.model.actions import ClearAlarm, RaiseAlarm
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.account.calls.provider_calls import DESTROY, LIST
from gpushopper.engine.account.key_refusals import KeyRefusals
from gpushopper.engine.account.part_interface import PollableAccount
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Destroyed, DestroyOutcome, Endpoint
from gpushopper.secrets.refused_key import refusal
from gpushopper.store import sessions

UNSEEN_WAIT_S = 20.0
"""How long the first destroy of an instance that no list has shown yet waits for a list that may contradict its id."""

ACKNOWLEDGED = frozenset({DestroyOutcome.ACKNOWLEDGED, DestroyOutcome.NOT_FOUND})


class Destroyer:
    """The reconciler's part that sends destroys; they have a rate limit and threads of their own (F38)."""

    def __init__(self, account: PollableAccount) -> None:
        self.account = account
        self._in_flight: frozenset[str] = frozenset()
        """Attempts whose destroy has no answer yet."""
        self._unseen_until: dict[str, int] = {}
        """Until when the first destroy of an attempt waits for a list, in µs of the boot clock."""
        self._untrusted: frozenset[str] = frozenset()
        """Attempts whose destroy in flight went to an account that may be another one."""

    # ---- which are due, and when

    def _due(self, now: ClockSnapshot) -> list[Attempt]:
        return [a for a in self._waiting(now) if self._due_boot(a, now) <= now.boot and not self._waits_for_absence(a)]

    def _waiting(self, now: ClockSnapshot) -> list[Attempt]:
        self._update_unseen(now)
        return [
            a
            for a in self.account.open_attempts()
            if a.state is State.DESTROYING and a.instance_id is not None and a.id not in self._in_flight
        ]

    def _update_unseen(self, now: ClockSnapshot) -> None:
        """An id that only a create's answer named may be another instance's: a list is awaited before its destroy.

        Where none comes, for UNSEEN_WAIT_S at most: a deadline must not depend on lists (I9, I28).
        """
        waiting = {}
        last_list = self.account.observed.last_list
        for attempt in self.account.open_attempts():
            if attempt.state is not State.DESTROYING or attempt.last_seen_at is not None or attempt.destroy_count:
                continue
            since = 0 if attempt.progress_boot is None else attempt.progress_boot
            if last_list is None or last_list.requested_boot < since:
                waiting[attempt.id] = self._unseen_until.get(attempt.id, now.boot + us(UNSEEN_WAIT_S))
        self._unseen_until = waiting

    def _waits_for_absence(self, attempt: Attempt) -> bool:
        """Whether the destroy waits for the next absence of a proof: each destroy starts that proof anew (S3).

        Also where the first absence is yet to come, once a destroy was acknowledged: a long list may take longer than
        the pause between two destroys, and each destroy makes the list that was requested before it worthless. What
        is awaited is one list, or one read by id, and both have time limits.
        """
        if attempt.instance_id in self.account.observed.pending_reads:
            return attempt.absence_count > 0 or attempt.destroy_acknowledged
        return attempt.destroy_acknowledged and self._is_list_requested_since(attempt.last_destroy_boot)

    def _is_list_requested_since(self, boot: int | None) -> bool:
        """Whether a list is in flight that was requested after the last destroy was answered."""
        return boot is not None and any(call.requested_boot >= boot for call in self.account.calls.of_kind(LIST))

    def _due_boot(self, attempt: Attempt, now: ClockSnapshot) -> int:
        """When it is due: at once after a start, and never further ahead than the longest retry interval (I6)."""
        if attempt.next_destroy_boot is None or attempt.id in self._unseen_until:
            return self._unseen_until.get(attempt.id, now.boot)
        return min(attempt.next_destroy_boot, now.boot + us(self.account.policy.destroy_retry_steady_s))

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When each waiting destroy can be sent, in µs of the boot clock."""
        waiting = [a for a in self._waiting(now) if not self._waits_for_absence(a)]
        if not waiting:
            return []
        free = self.account.calls.free_boot(Endpoint.DESTROY, now)
        return [max(self._due_boot(a, now), free) for a in waiting]

    # ---- sending

    def send(self, now: ClockSnapshot) -> None:
        """Start at most one call: for all that are due together where the provider takes several at once."""
        client = self.account.client
        if client is None or not self.account.calls.is_free(Endpoint.DESTROY, now):
            return
        batch = self._batch(self._due(now), client.traits.ending.bulk_destroy)
        if not batch:
            return
        limit = self.account.policy.destroy_timeout_s
        ids = tuple(a.instance_id for a in batch if a.instance_id is not None)
        attempts = tuple(a.id for a in batch)
        self._in_flight |= frozenset(attempts)
        self.account.calls.submit((DESTROY, attempts), lambda: client.destroy(ids, limit), limit, now)

    @staticmethod
    def _batch(due: list[Attempt], most: int) -> list[Attempt]:
        """First tries and acknowledged ones together; a failed one alone, so that it cannot fail the others."""
        due.sort(key=lambda a: (a.next_destroy_boot or 0, a.id))
        failed = [a for a in due if a.destroy_count > 0 and not a.destroy_acknowledged]
        others = [a for a in due if a not in failed]
        return others[:most] if others else failed[:1]

    def mark_in_flight(self, batches: Iterable[tuple[str, ...]], *, is_trusted: bool) -> None:
        """Another reconciler has sent these attempts' destroys: they are not sent again before an answer."""
        sent = frozenset(attempt_id for batch in batches for attempt_id in batch)
        self._in_flight |= sent
        self._untrusted = self._untrusted if is_trusted else self._untrusted | sent

    # ---- answers

    def on_result(
        self,
        attempt_ids: tuple[str, ...],
        value: object,
        now: ClockSnapshot,
        refusals: KeyRefusals,
        *,
        late: bool = False,
    ) -> None:
        """Record each answer; none of them closes anything (I5). What was not sent is not counted, and is due again.

        A late answer was given up before: another call may be in flight for the same attempts. `refusals` are those of
        the key that it was sent with.
        """
        if not late:
            self._in_flight -= frozenset(attempt_ids)
        if isinstance(value, NotSent):
            return
        answers = list(value) if isinstance(value, (tuple, list)) else [value] * len(attempt_ids)
        answers += [None] * (len(attempt_ids) - len(answers))
        for attempt_id, answer in zip(attempt_ids, answers, strict=False):
            reply = answer if isinstance(answer, Destroyed) else Destroyed(DestroyOutcome.UNKNOWN, "no usable answer")
            self.account.transact(
                now, partial(self._record, attempt_id=attempt_id, reply=reply, refusals=refusals, now=now)
            )
        self._untrusted -= frozenset(attempt_ids)
        self.account.wake()

    def _record(
        self, tx: Transaction, attempt_id: str, reply: Destroyed, refusals: KeyRefusals, now: ClockSnapshot
    ) -> None:
        attempt = sessions.load_attempt(self.account.ctx.store, attempt_id)
        if attempt is None or attempt.state is not State.DESTROYING:
            return
        is_ours = attempt_id not in self._untrusted and not self.account.observed.health.wrong_account
        # "Not found" at another organisation says nothing about the instance, and a success neither (F45).
        is_acknowledged = is_ours and reply.outcome in ACKNOWLEDGED
        detail = reply.outcome.value.replace("_", " ")
        detail += f" ({reply.detail})" if reply.detail and not is_acknowledged else ""
        tx.run([after_destroy(attempt, is_acknowledged, detail, reply.retry_after_s, now, self.account.policy)])
        if is_acknowledged:
            refusals.accepted(DESTROY, now)
        if reply.outcome is DestroyOutcome.KEY_REJECTED and refusals.is_rejected(DESTROY, now, self.account.policy):
            refused = refusal(self.account.name, refusals.source)
            text = f"{refused} for the destroy of {attempt.instance_id}: {reply.detail}"
            tx.run([RaiseAlarm.with_hint(alarms.DESTROY_REFUSED, attempt.id, text)])
        elif is_acknowledged:
            tx.run([ClearAlarm(alarms.DESTROY_REFUSED, attempt.id)])
