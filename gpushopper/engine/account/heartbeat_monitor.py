"""Probes instances by ssh at heartbeat intervals; a moved deadline is sent to the guard at once (D8)."""

from __future__ import annotations

from functools import partial
from typing import Any

from gpushopper.core.cloud import PlantingMethod
from gpushopper.core.lifecycle.guard_renewal import ARMED, next_renewal
from gpushopper.core.lifecycle.reachability import (
    can_probe,
    heartbeat_interval,
    on_heartbeat,
    on_probe_failure,
)
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.guard_recipe import carries_guard
from gpushopper.core.model.heartbeat import Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.account.calls.provider_calls import HEARTBEAT
from gpushopper.engine.account.create.create_payload import environment_of, write_boot_script
from gpushopper.engine.account.part_interface import Account
from gpushopper.engine.transaction import Transaction
from gpushopper.store import sessions

MAX_WAIT_S = 30.0
"""How long a probe may wait for a thread; later it is not made, so that an instance never has two logins at once."""


class HeartbeatMonitor:
    """The reconciler's part that probes instances, on threads of its own: a host that hangs delays nothing else (I17).

    A probe is one login that renews the guard's deadline and reads the heartbeat.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self._next: dict[str, int] = {}
        """When each attempt is probed next, in µs of the boot clock; in memory only, so that a start probes at once."""
        self._sent_deadlines: dict[str, int] = {}
        """The deadline at each attempt's last probe; when it has moved since, the next probe is due at once."""

    @property
    def _is_off(self) -> bool:
        return self.account.ctx.remote is None or not self.account.policy.needs_login

    def wake(self) -> None:
        """Probe every instance at once."""
        self._next.clear()

    def forget(self, attempt_id: str) -> None:
        """Drop what was learnt by a wrong instance id: its address and host key belong to another instance."""
        for kept in (self._next, self._sent_deadlines):
            kept.pop(attempt_id, None)
        if self.account.ctx.remote is not None:
            self.account.ctx.remote.forget_attempt(attempt_id)

    # ---- probing

    def _waiting(self) -> list[Attempt]:
        if self._is_off:
            return []
        in_flight = self.account.calls.subjects(HEARTBEAT)
        return [a for a in self.account.open_attempts() if can_probe(a) and a.id not in in_flight]

    def _is_deadline_moved(self, attempt: Attempt) -> bool:
        """Whether the deadline has changed since the last probe, which sent the guard the former one."""
        return self._sent_deadlines.get(attempt.id, attempt.deadline.wall) != attempt.deadline.wall

    def _due_boot(self, attempt: Attempt, now: ClockSnapshot) -> int:
        return now.boot if self._is_deadline_moved(attempt) else self._next.get(attempt.id, now.boot)

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When each next probe is due, in µs of the boot clock."""
        return [self._due_boot(a, now) for a in self._waiting()]

    def send(self, now: ClockSnapshot) -> None:
        """Start every probe that is due."""
        self._forget_closed()
        for attempt in self._waiting():
            if self._due_boot(attempt, now) <= now.boot:
                self._probe(attempt, now)

    def _probe(self, attempt: Attempt, now: ClockSnapshot) -> None:
        remote, policy = self.account.ctx.remote, self.account.policy
        login = self.account.ctx.login_of(attempt)
        if remote is None or login is None:
            return
        self._next[attempt.id] = now.boot + heartbeat_interval(attempt, now, policy)
        self._sent_deadlines[attempt.id] = attempt.deadline.wall
        clock, limit = self.account.ctx.clock, policy.heartbeat_timeout_s
        session = sessions.load_session(self.account.ctx.store, attempt.session_id)
        may_renew = attempt.first_login_boot is not None or attempt.ready_at is not None

        def probe() -> Heartbeat | ProbeFailure:
            begun = clock.now()
            if begun.boot - now.boot > us(MAX_WAIT_S):
                return ProbeFailure(ProbeFailureKind.LOCAL, "this computer slept, or is too busy to log in")
            # The seconds to the deadline count from now: time spent waiting for a thread must not extend a life (I9).
            renewal = next_renewal(attempt, begun.with_date_of(now)) if may_renew else None
            return remote.probe(login, renewal, limit, "" if session is None else self._to_plant(session, attempt))

        self.account.calls.submit((HEARTBEAT, attempt.id), probe, MAX_WAIT_S + limit, now)

    def _to_plant(self, session: Session, attempt: Attempt) -> str:
        """The script that installs the guard, where it comes over ssh and none is confirmed; empty otherwise.

        Written on the probe's thread, like the renewal: its seconds count from then.
        """
        client = self.account.client
        if client is None or client.traits.planting.method is not PlantingMethod.OVER_SSH:
            return ""
        if attempt.guard_state == ARMED or not carries_guard(client.guard_recipe):
            return ""
        script = write_boot_script(self.account.ctx, client, attempt, environment_of(session, attempt))
        return script if isinstance(script, str) else ""

    # ---- answers

    def on_result(self, attempt_id: str, value: Any, now: ClockSnapshot) -> None:
        """Record a heartbeat or a probe failure; a probe that overran its limits is a local fault, not the host's."""
        why = "this computer is too busy to log in" if isinstance(value, NotSent) else "the login did not end"
        found = value if isinstance(value, Heartbeat | ProbeFailure) else ProbeFailure(ProbeFailureKind.LOCAL, why)
        self.account.transact(now, partial(self._record, attempt_id=attempt_id, found=found, now=now))

    def _record(self, tx: Transaction, attempt_id: str, found: Heartbeat | ProbeFailure, now: ClockSnapshot) -> None:
        store, policy = self.account.ctx.store, self.account.policy
        attempt = sessions.load_attempt(store, attempt_id)
        session = None if attempt is None else sessions.load_session(store, attempt.session_id)
        if attempt is None or session is None:
            return
        if isinstance(found, Heartbeat):
            was_moved, kind = self._is_deadline_moved(attempt), self.account.ctx.ending_of(attempt.provider).kind
            tx.run(on_heartbeat(session, attempt, found, now, policy, was_moved=was_moved, ending=kind))
        else:
            tx.run(on_probe_failure(session, attempt, found, now, policy))
        if tx.attempt(attempt).ready_at != attempt.ready_at:
            # Probe again at once, with the first renewal: until then the guard counts from the start of the boot (I9).
            self._next.pop(attempt_id, None)

    def _forget_closed(self) -> None:
        still_open = {attempt.id for attempt in self.account.open_attempts()}
        for kept in (self._next, self._sent_deadlines):
            for attempt_id in kept.keys() - still_open:
                del kept[attempt_id]
