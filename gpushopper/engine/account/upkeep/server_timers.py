"""Keeps the provider's own timers at our deadlines, where its cloud ends instances by one, and records what they show.

`extend` moves one before it says so; what is left for here: earlier deadlines, ends whose destroy does not get through,
instances found by their label, and timers that somebody else moved.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.destroying import destroy_retry_s
from gpushopper.core.lifecycle.guard_renewal import SYNC_TOLERANCE
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import WITH_INSTANCE, Attempt, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.provider_calls import TIMER
from gpushopper.engine.account.part_interface import PollableAccount
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Endpoint, moving_end
from gpushopper.store import sessions
from gpushopper.store.alarms import active_alarms

SOON = us(60)
"""How far ahead a timer is set for an instance that should be gone by now."""


class ServerTimers:
    """The reconciler's part for timers: one call at a time. Times in µs of the boot clock, kept in memory only."""

    def __init__(self, account: PollableAccount) -> None:
        self.account = account
        self._tries: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._wrong_since: dict[str, int] = {}

    def _watched(self) -> list[Attempt]:
        """Attempts with an instance that its cloud's timer ends; one that is off needs none."""
        client = self.account.client
        if client is None or client.traits.ending.kind is not EndingKind.SERVER_TIMER:
            return []
        if self.account.observed.health.wrong_account:
            return []
        return [a for a in self.account.open_attempts() if a.state in WITH_INSTANCE and a.off_at is None]

    def _wrong(self, now: ClockSnapshot) -> list[Attempt]:
        """Those whose timer is known not to be at the wanted end."""
        return [a for a in self._watched() if self._is_listed(a) and _is_wrong(a, now)]

    def _is_listed(self, attempt: Attempt) -> bool:
        """Only instances that were listed, with our label or once ready: what is foreign is never changed (I3, I28)."""
        has_label = self.account.observed.listed.get(attempt.instance_id or "")
        return has_label is not None and (has_label or attempt.ready_at is not None)

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When each wrong timer can be moved."""
        wrong = self._wrong(now)
        if not wrong or moving_end(self.account.client) is None or self.account.calls.of_kind(TIMER):
            return []
        free = self.account.calls.free_boot(Endpoint.TIMER, now)
        return [max(free, self._next.get(a.id, now.boot)) for a in wrong]

    def send(self, now: ClockSnapshot) -> None:
        """Record what the last list showed, then move one timer that is due."""
        self._record(now)
        wrong = self._wrong(now)
        self._forget_all_but({a.id for a in wrong})
        self._alarm(wrong, now)
        due = [a for a in wrong if self._next.get(a.id, now.boot) <= now.boot]
        if not due:
            return
        able, calls = moving_end(self.account.client), self.account.calls
        if able is None or calls.of_kind(TIMER) or not calls.is_free(Endpoint.TIMER, now):
            return
        attempt, policy = due[0], self.account.policy
        self._tries[attempt.id] = self._tries.get(attempt.id, 0) + 1
        self._next[attempt.id] = now.boot + us(destroy_retry_s(self._tries[attempt.id], policy))
        limit = policy.read_timeout_s
        work = partial(able.set_end, attempt.instance_id or "", wanted_end(attempt, now), limit)
        calls.submit((TIMER, attempt.id), work, limit, now)

    def on_result(self, attempt_id: str, value: Any) -> None:
        """Only a list shows where the timer is now."""
        if value is True:
            self.account.wake()

    def _record(self, now: ClockSnapshot) -> None:
        """Store when the cloud will end each instance, as it was listed."""
        last = self.account.observed.last_list
        if last is None:
            return
        for attempt in self._watched():
            row = last.find(attempt.instance_id or "")
            if row is None or row.ends_at == attempt.guard_deadline_at or not self._is_newer(attempt, last.boot):
                continue
            change = UpdateAttempt(attempt, {"guard_deadline_at": row.ends_at})
            self.account.transact(now, partial(_run, actions=[change]))

    def _is_newer(self, attempt: Attempt, boot: int) -> bool:
        """Whether the list was read after `extend` moved the timer: an older one would undo what it recorded."""
        since = attempt.deadline.set_boot if attempt.deadline.boot_id == self.account.ctx.clock.now().boot_id else 0
        return boot >= since

    def _alarm(self, wrong: list[Attempt], now: ClockSnapshot) -> None:
        """An alarm about a timer that stays wrong; cleared once it is right, or its instance off."""
        self._wrong_since |= {a.id: now.boot for a in wrong if a.id not in self._wrong_since}
        late = now.boot - us(self.account.policy.destroy_alarms_s[0])
        raised = [a for a in wrong if a.state is not State.DESTROYING and self._wrong_since[a.id] <= late]
        right = [a for a in self._watched() if a not in wrong]
        if not raised and not right:
            return
        active = {
            subject for kind, subject in active_alarms(self.account.ctx.store) if kind == alarms.GUARD_UNCONFIRMED
        }
        todo: list[Action] = [ClearAlarm(alarms.GUARD_UNCONFIRMED, a.id) for a in right if a.id in active]
        todo += [self._alarm_about(a) for a in raised if a.id not in active]
        if todo:
            self.account.transact(now, partial(_run, actions=todo))

    def _alarm_about(self, attempt: Attempt) -> RaiseAlarm:
        session = sessions.load_session(self.account.ctx.store, attempt.session_id)
        name = attempt.session_id if session is None else session.name
        text = f"{name}: the timer of {self.account.name} does not hold its deadline"
        return RaiseAlarm.with_hint(alarms.GUARD_UNCONFIRMED, attempt.id, text)

    def _forget_all_but(self, kept: set[str]) -> None:
        for known in (self._tries, self._next, self._wrong_since):
            for attempt_id in known.keys() - kept:
                del known[attempt_id]


def wanted_end(attempt: Attempt, now: ClockSnapshot) -> int:
    """When the timer should end it, wall µs: at its deadline, or soon where it should be gone."""
    return min(attempt.deadline.wall, attempt.hard_max_at) if attempt.is_wanted else now.wall + SOON


def _is_wrong(attempt: Attempt, now: ClockSnapshot) -> bool:
    """Whether the timer is not where it should be; of an end under way, once its first destroy was in vain."""
    shown, wanted = attempt.guard_deadline_at, wanted_end(attempt, now)
    if attempt.state is State.DESTROYING:
        is_stuck = attempt.destroy_count > 0 and not attempt.destroy_acknowledged
        return is_stuck and (shown is None or shown > wanted + SOON)
    return attempt.is_wanted and (shown is None or abs(shown - wanted) > SYNC_TOLERANCE)


def _run(tx: Transaction, actions: list[Action]) -> None:
    tx.run(actions)
