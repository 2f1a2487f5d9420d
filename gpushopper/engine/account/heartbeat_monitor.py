"""Logs in to instances: hands over what proves itself, renews guards, notices silence (architecture 7, D8)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gpushopper.core.lifecycle.reachability import (
    NONE,
    NOT_APPLICABLE,
    can_probe,
    heartbeat_interval,
    on_heartbeat,
    on_probe_failure,
    renewal,
)
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.heartbeat import Heartbeat, Login, ProbeFailure, ProbeFailureKind
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.executor import ATTACH, HEARTBEAT
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Endpoint
from gpushopper.store import sessions

if TYPE_CHECKING:
    from gpushopper.engine.account.reconciler import AccountReconciler

ATTACH_PAUSE_S = 5.0
MAX_WAIT_S = 30.0
"""How long a login may wait for its turn; later it is not made, so that an instance never has two at once."""


class HeartbeatMonitor:
    """The reconciler's part that speaks with instances, on threads of its own: a hanging host delays nothing else
    (I17).
    """

    def __init__(self, reconciler: AccountReconciler) -> None:
        self.reconciler = reconciler
        self._next: dict[str, int] = {}
        """Boot-clock µs of each attempt's next login; forgotten with the process, so that a start looks at once."""
        self._told: dict[str, int] = {}
        """The deadline each guard was last told of; another one is news, and cannot wait for the next beat."""
        self._attached: set[str] = set()
        self._next_attach: dict[str, int] = {}

    @property
    def _is_off(self) -> bool:
        return self.reconciler.ctx.remote is None or not self.reconciler.ctx.policy.needs_login

    def wake(self) -> None:
        """After a gap, log in everywhere at once."""
        self._next.clear()

    def forget(self, attempt_id: str) -> None:
        """Its id was another instance's: the address and the host key that were learnt are not its own."""
        self._attached.discard(attempt_id)
        for kept in (self._next, self._told, self._next_attach):
            kept.pop(attempt_id, None)
        if self.reconciler.ctx.remote is not None:
            self.reconciler.ctx.remote.forget_attempt(attempt_id)

    # ---- logging in

    def _waiting(self) -> list[Attempt]:
        if self._is_off:
            return []
        under_way = {key[2] for key in self.reconciler.in_flight if key[1] == HEARTBEAT}
        return [a for a in self.reconciler.open_attempts() if can_probe(a) and a.id not in under_way]

    def _due_boot(self, attempt: Attempt, now: ClockSnapshot) -> int:
        if self._told.get(attempt.id, attempt.deadline.wall) != attempt.deadline.wall:
            return now.boot
        return self._next.get(attempt.id, now.boot)

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When something is next to be done, on the boot clock."""
        free = self.reconciler.free_boot(Endpoint.KEYS, now)
        attaching = [max(self._next_attach.get(a.id, now.boot), free) for a in self._unattached()]
        return [self._due_boot(a, now) for a in self._waiting()] + attaching

    def send(self, now: ClockSnapshot) -> None:
        """Start every login that is due, and at most one attach."""
        self._forget_ended()
        for attempt in self._waiting():
            if self._due_boot(attempt, now) <= now.boot:
                self._log_in(attempt, now)
        self._attach(now)

    def _log_in(self, attempt: Attempt, now: ClockSnapshot) -> None:
        remote, policy = self.reconciler.ctx.remote, self.reconciler.ctx.policy
        if remote is None or attempt.ssh_host is None or attempt.ssh_port is None:
            return
        login = Login(attempt.session_id, attempt.id, attempt.ssh_host, attempt.ssh_port)
        self._next[attempt.id] = now.boot + heartbeat_interval(attempt, now, policy)
        self._told[attempt.id] = attempt.deadline.wall
        clock, limit = self.reconciler.ctx.clock, policy.heartbeat_timeout_s
        may_renew = attempt.first_login_boot is not None or attempt.ready_at is not None

        def look() -> Heartbeat | ProbeFailure:
            begun = clock.now()
            if begun.boot - now.boot > us(MAX_WAIT_S):
                return ProbeFailure(ProbeFailureKind.LOCAL, "this computer slept, or is too busy to log in")
            # Its seconds count from now: what it waited for a thread, or slept, must not be added to a life (I9).
            return remote.look(login, renewal(attempt, begun.dated(now)) if may_renew else None, limit)

        self.reconciler.submit((HEARTBEAT, attempt.id), look, MAX_WAIT_S + limit, now)

    def took(self, attempt_id: str, value: Any, now: ClockSnapshot) -> None:
        """Record an answer, or that there was none; a login that ignores its own limits is a fault of ours."""
        why = "this computer is too busy to log in" if isinstance(value, NotSent) else "the login did not end"
        found = value if isinstance(value, Heartbeat | ProbeFailure) else ProbeFailure(ProbeFailureKind.LOCAL, why)
        self.reconciler.transact(now, partial(self._record, attempt_id=attempt_id, found=found, now=now))

    def _record(self, tx: Transaction, attempt_id: str, found: Heartbeat | ProbeFailure, now: ClockSnapshot) -> None:
        store, policy = self.reconciler.ctx.store, self.reconciler.ctx.policy
        attempt = sessions.load_attempt(store, attempt_id)
        session = None if attempt is None else sessions.load_session(store, attempt.session_id)
        if attempt is None or session is None:
            return
        if isinstance(found, Heartbeat):
            was_moved = self._told.get(attempt_id, attempt.deadline.wall) != attempt.deadline.wall
            tx.run(on_heartbeat(session, attempt, found, now, policy, was_moved=was_moved))
        else:
            tx.run(on_probe_failure(session, attempt, found, now, policy))
        if tx.attempt(attempt).ready_at != attempt.ready_at:
            # The first renewal: what was planted counted from the start of a boot that may have been long (I9).
            self._next.pop(attempt_id, None)

    # ---- the key, a second way

    def _unattached(self) -> list[Attempt]:
        """Booting instances whose provider has not been told our key: some hosts drop what the boot script wrote.

        Only those that have shown our label: somebody else's instance must not be given our key (I28).
        """
        if self._is_off:
            return []
        under_way = {key[2] for key in self.reconciler.in_flight if key[1] == ATTACH}
        return [
            a
            for a in self.reconciler.open_attempts()
            if a.state is State.BOOTING and a.is_wanted and a.guard_state not in (NONE,
            NOT_APPLICABLE) and a.last_seen_at is not None
            and a.id not in self._attached | under_way and self.reconciler.listed.get(a.instance_id or "")
        ]  # fmt: skip

    def _attach(self, now: ClockSnapshot) -> None:
        connection, remote = self.reconciler.connection, self.reconciler.ctx.remote
        if connection is None or remote is None or not self.reconciler.is_free(Endpoint.KEYS, now):
            return
        due = [a for a in self._unattached() if self._next_attach.get(a.id, now.boot) <= now.boot]
        if not due or due[0].instance_id is None:
            return
        attempt, limit = due[0], self.reconciler.ctx.policy.read_limit_s
        self._next_attach[attempt.id] = now.boot + us(ATTACH_PAUSE_S)

        def attach(instance_id: str = due[0].instance_id) -> bool:
            return connection.attach_key(instance_id, remote.public_key(attempt.session_id), limit)

        self.reconciler.submit((ATTACH, attempt.id), attach, limit, now)

    def took_attach(self, attempt_id: str, value: Any) -> None:
        """Asked once more later unless the provider took it."""
        if value is True:
            self._attached.add(attempt_id)

    def _forget_ended(self) -> None:
        living = {attempt.id for attempt in self.reconciler.open_attempts()}
        for kept in (self._next, self._told, self._next_attach):
            for attempt_id in kept.keys() - living:
                del kept[attempt_id]
        self._attached &= living
