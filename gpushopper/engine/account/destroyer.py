"""Asks for the end of every instance nobody wants, for ever; never decides that it has come (D6, I6)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from gpushopper.core import alarms
from gpushopper.core.lifecycle.sightings import after_destroy
from gpushopper.core.model.actions import Clear, Raise
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.executor import DESTROY
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Destroyed, DestroyOutcome, Endpoint
from gpushopper.store import sessions

if TYPE_CHECKING:
    from gpushopper.engine.account.reconciler import AccountReconciler

FIRST_LOOK_S = 20.0
"""How long the first destroy of an instance that no list has shown yet waits for one that may contradict its id."""

ACKNOWLEDGED = frozenset({DestroyOutcome.ACKNOWLEDGED, DestroyOutcome.NOT_FOUND})


class Destroyer:
    """The reconciler's part that sends destroys; they have an endpoint share and threads of their own (F38)."""

    def __init__(self, reconciler: AccountReconciler) -> None:
        self.reconciler = reconciler
        self._under_way: frozenset[str] = frozenset()
        self._unseen_until: dict[str, int] = {}
        """Boot-clock µs until which the destroy of an attempt waits for a first look at its instance."""

    def _due(self, now: ClockSnapshot) -> list[Attempt]:
        return [a for a in self._ending(now) if self._due_boot(a, now) <= now.boot and not self._waits_for_unit(a)]

    def _ending(self, now: ClockSnapshot) -> list[Attempt]:
        self._mind_unseen(now)
        return [
            a
            for a in self.reconciler.open_attempts()
            if a.state is State.DESTROYING and a.instance_id is not None and a.id not in self._under_way
        ]

    def _mind_unseen(self, now: ClockSnapshot) -> None:
        """An id that only a create's answer named may be a stranger's: one list has to come in before its destroy.

        Where none comes, it waits no longer than FIRST_LOOK_S: a deadline must not depend on lists (I9, I28).
        """
        waiting = {}
        for attempt in self.reconciler.open_attempts():
            if attempt.state is not State.DESTROYING or attempt.last_seen_at is not None or attempt.destroy_count:
                continue
            since = 0 if attempt.progress_boot is None else attempt.progress_boot
            if self.reconciler.seen is None or self.reconciler.seen.requested_boot < since:
                waiting[attempt.id] = self._unseen_until.get(attempt.id, now.boot + us(FIRST_LOOK_S))
        self._unseen_until = waiting

    def _waits_for_unit(self, attempt: Attempt) -> bool:
        """A proof under way is not reset by a new destroy while its next unit waits for its turn (S3).

        Nor is one that could begin, once a destroy was heard: a long list may take longer than the pause between two
        destroys, and each of them makes the list that was begun before it worthless. One list, or one read by id, is
        all that is waited for, and each of them has its limit.
        """
        if attempt.instance_id in self.reconciler.ask:
            return attempt.absence_count > 0 or attempt.destroy_acknowledged
        return attempt.destroy_acknowledged and self._is_listing_since(attempt.last_destroy_boot)

    def _is_listing_since(self, boot: int | None) -> bool:
        """Whether a list is under way that was asked for after the last destroy was answered."""
        asked = [
            call_in_flight.requested_boot
            for key, call_in_flight in self.reconciler.in_flight.items()
            if key[1] == Endpoint.LIST.value
        ]
        return boot is not None and any(each >= boot for each in asked)

    def _due_boot(self, attempt: Attempt, now: ClockSnapshot) -> int:
        """When it is due; at once after a start, and never further ahead than the ladder's longest step (I6)."""
        if attempt.next_destroy_boot is None or attempt.id in self._unseen_until:
            return self._unseen_until.get(attempt.id, now.boot)
        return min(attempt.next_destroy_boot, now.boot + us(self.reconciler.ctx.policy.destroy_every_s))

    def mind(self, batches: Iterable[tuple[str, ...]]) -> None:
        """These attempts' destroys are under way: they are not sent a second time."""
        self._under_way |= frozenset(attempt_id for batch in batches for attempt_id in batch)

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When destroys are next due, on the boot clock."""
        free = self.reconciler.free_boot(Endpoint.DESTROY, now)
        return [max(self._due_boot(a, now), free) for a in self._ending(now) if not self._waits_for_unit(a)]

    def send(self, now: ClockSnapshot) -> None:
        """Start at most one call: all that are due together where the provider takes several at once."""
        connection = self.reconciler.connection
        if connection is None or not self.reconciler.is_free(Endpoint.DESTROY, now):
            return
        batch = self._batch(self._due(now), connection.traits.bulk_destroy)
        if not batch:
            return
        limit = self.reconciler.ctx.policy.destroy_limit_s
        ids = tuple(a.instance_id for a in batch if a.instance_id is not None)
        attempts = tuple(a.id for a in batch)
        self._under_way |= frozenset(attempts)
        self.reconciler.submit((DESTROY, attempts), lambda: connection.destroy(ids, limit), limit, now)

    @staticmethod
    def _batch(due: list[Attempt], most: int) -> list[Attempt]:
        """First tries and heard ones together; one that failed goes alone, so that it cannot spoil the others."""
        due.sort(key=lambda a: (a.next_destroy_boot or 0, a.id))
        troubled = [a for a in due if a.destroy_count > 0 and not a.destroy_acknowledged]
        easy = [a for a in due if a not in troubled]
        return easy[:most] if easy else troubled[:1]

    def took(self, attempt_ids: tuple[str, ...], value: object, now: ClockSnapshot) -> None:
        """Record each answer; none of them closes anything (I5). What was not sent is not booked, and is still due."""
        self._under_way -= frozenset(attempt_ids)
        if isinstance(value, NotSent):
            return
        answers = list(value) if isinstance(value, (tuple, list)) else [value] * len(attempt_ids)
        answers += [None] * (len(attempt_ids) - len(answers))
        for attempt_id, answer in zip(attempt_ids, answers, strict=False):
            reply = answer if isinstance(answer, Destroyed) else Destroyed(DestroyOutcome.UNKNOWN, "no usable answer")
            self.reconciler.transact(now, partial(self._record, attempt_id=attempt_id, reply=reply, now=now))
        self.reconciler.wake()

    def _record(self, tx: Transaction, attempt_id: str, reply: Destroyed, now: ClockSnapshot) -> None:
        attempt = sessions.load_attempt(self.reconciler.ctx.store, attempt_id)
        if attempt is None or attempt.state is not State.DESTROYING:
            return
        heard = reply.outcome in ACKNOWLEDGED
        detail = reply.outcome.value.replace("_", " ")
        detail += f" ({reply.detail})" if reply.detail and not heard else ""
        tx.run([after_destroy(attempt, heard, detail, reply.retry_after_s, now, self.reconciler.ctx.policy)])
        if reply.outcome is DestroyOutcome.UNAUTHORISED:
            text = f"{self.reconciler.name} refuses the key for the destroy of {attempt.instance_id}: {reply.detail}"
            tx.run([Raise(alarms.DESTROY_REFUSED, attempt.id, text, alarms.HINTS[alarms.DESTROY_REFUSED])])
        elif heard:
            tx.run([Clear(alarms.DESTROY_REFUSED, attempt.id)])
