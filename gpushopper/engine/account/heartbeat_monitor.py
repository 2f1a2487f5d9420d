"""Probes instances by ssh at heartbeat intervals; a moved deadline is sent to the guard at once (D8)."""

from __future__ import annotations

from typing import Any

from gpushopper.core.cloud import PlantingMethod
from gpushopper.core.lifecycle.ends.early_end import has_gone_silent
from gpushopper.core.lifecycle.guard_renewal import ARMED, next_renewal
from gpushopper.core.lifecycle.reachability import can_probe, heartbeat_interval
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.guard_recipe import carries_guard
from gpushopper.core.model.heartbeat import Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.account.calls.provider_calls import HEARTBEAT
from gpushopper.engine.account.create.create_payload import environment_of, write_boot_script
from gpushopper.engine.account.part_interface import PollableAccount
from gpushopper.engine.account.watching.heartbeat_record import Probed, record
from gpushopper.engine.account.watching.network_watch import note_probe
from gpushopper.engine.account.watching.output_keeping import OutputKeeping
from gpushopper.engine.account.watching.parts_delivery import PartsDelivery
from gpushopper.engine.transaction import Transaction
from gpushopper.store import sessions

MAX_WAIT_S = 30.0
"""How long a probe may wait for a thread; later it is not made, so that an instance never has two logins at once."""

TOGETHER_S = 1.0
"""How long a heartbeat waits to be recorded in one commit with others."""


class HeartbeatMonitor:
    """The reconciler's part that probes instances, on threads of its own: a host that hangs delays nothing else (I17).

    A probe is one login that renews the guard's deadline and reads the heartbeat.
    """

    def __init__(self, account: PollableAccount) -> None:
        self.account = account
        self._next: dict[str, int] = {}
        """When each attempt is probed next, in µs of the boot clock; in memory only, so that a start probes at once."""
        self._probed: list[Probed] = []
        """What was probed and is not recorded yet."""
        self._brought: dict[str, str] = {}
        """The limits that a probe in flight brings along."""
        self.delivery = PartsDelivery(account)
        self.outputs = OutputKeeping(account)
        self._sent_deadlines: dict[str, int] = {}
        """The deadline at each attempt's last probe; when it has moved since, the next probe is due at once."""
        self._logins: dict[str, int] = {}
        """How many logins each attempt has taken until now, while none of them has worked."""

    @property
    def _is_off(self) -> bool:
        return self.account.ctx.remote is None or not self.account.policy.needs_login

    def wake(self) -> None:
        """Probe every instance at once."""
        self._next.clear()

    def forget(self, attempt_id: str) -> None:
        """Drop what was learnt by a wrong instance id: its address and host key belong to another instance."""
        for kept in (self._next, self._sent_deadlines, self._brought, self._logins):
            kept.pop(attempt_id, None)
        self._drop_reports(attempt_id)
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
        dues = [self._due_boot(a, now) for a in self._waiting()]
        return [*dues, self._probed[0].now.boot + us(TOGETHER_S)] if self._probed else dues

    def send(self, now: ClockSnapshot) -> None:
        """Start every probe that is due."""
        if self._probed and now.boot - self._probed[0].now.boot >= us(TOGETHER_S):
            self.record(now)
        self._forget_closed()
        due = {a.id for a in self._waiting() if self._due_boot(a, now) <= now.boot}
        if due & {one.attempt_id for one in self._probed}:
            self.record(now)  # a renewal must have a higher number than the one before
        for attempt in self._waiting() if due else ():
            if attempt.id in due:
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
        limits = self._brought[attempt.id] = self.delivery.take(attempt.id)
        hook = "" if session is None else session.before_end
        may_renew = attempt.first_login_boot is not None or attempt.ready_at is not None

        def probe() -> Heartbeat | ProbeFailure:
            begun = clock.now()
            if begun.boot - now.boot > us(MAX_WAIT_S):
                return ProbeFailure(ProbeFailureKind.LOCAL, "this computer slept, or is too busy to log in")
            # The seconds to the deadline count from now: time spent waiting for a thread must not extend a life (I9).
            renewal = next_renewal(attempt, begun.with_date_of(now)) if may_renew else None
            script = "" if session is None else self._to_plant(session, attempt)
            return remote.probe(login, renewal, limit, script, limits, hook)

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
        """Take a heartbeat or a probe failure; a probe that overran its limits is a local fault, not the host's.

        Those of ready sessions wait for the others of the same second: one commit for all.
        """
        why = "this computer is too busy to log in" if isinstance(value, NotSent) else "the login did not end"
        found = value if isinstance(value, Heartbeat | ProbeFailure) else ProbeFailure(ProbeFailureKind.LOCAL, why)
        note_probe(self.account, found, now)
        brought = self._brought.pop(attempt_id, "")
        remote = self.account.ctx.remote
        digest = remote.parts_digest() if brought and remote is not None else ""
        attempt = next((a for a in self.account.open_attempts() if a.id == attempt_id), None)
        if attempt is not None and attempt.first_login_boot is None and not isinstance(value, NotSent):
            self._count_login(attempt_id, worked=isinstance(found, Heartbeat))
        was_moved = attempt is not None and self._is_deadline_moved(attempt)
        self._probed.append(Probed(attempt_id, found, now, was_moved, brought, digest))
        if attempt is None or attempt.ready_at is None or brought:
            self.record(now)

    def _count_login(self, attempt_id: str, *, worked: bool) -> None:
        """One of the logins to an instance that has not answered before."""
        tries = self._logins[attempt_id] = self._logins.get(attempt_id, 0) + 1
        if worked:
            del self._logins[attempt_id]
            self.account.ctx.observe_first_login(self.account.name, tries)

    def record(self, now: ClockSnapshot) -> None:
        """Record all that was probed in one commit; after a concurrent change each by itself."""
        probed = list(self._probed)
        if not self._record_together(probed, now) and len(probed) > 1:
            for one in probed:
                self._record_together([one], now)
        # Only now: on a full disk they are recorded later.
        del self._probed[: len(probed)]

    def _record_together(self, probed: list[Probed], now: ClockSnapshot) -> bool:
        after: dict[str, Attempt | None] = {}

        def work(tx: Transaction) -> None:
            for one in probed:
                after[one.attempt_id] = record(self.account, tx, one)

        if not self.account.transact(now, work):
            return False
        for one in probed:
            self._follow_up(one, after[one.attempt_id])
        return True

    def _follow_up(self, probed: Probed, attempt: Attempt | None) -> None:
        """Probe again at once where a session has become ready, or where its instance lacks what it should have; list
        at once where one has ended as it announced."""
        if attempt is not None and has_gone_silent(attempt, probed.now):
            self.account.wake()
        if attempt is None or not isinstance(probed.found, Heartbeat):
            return
        self.outputs.on_heartbeat(attempt, probed.found, probed.now)
        if probed.found.guard is not None:
            self.account.ctx.ignored_ends[attempt.id] = probed.found.guard.bad_ends
        if probed.found.agent is not None and probed.found.agent.disk_free_gb is not None:
            self.account.ctx.disk_free[attempt.id] = probed.found.agent.disk_free_gb
        if probed.limits:
            self.delivery.on_tried(attempt.id, probed.limits, probed.found.brought, probed.now)
        # The guard's report is older than what the same login brought.
        must_bring = not probed.limits and self.delivery.on_heartbeat(attempt, probed.found, probed.now)
        if must_bring or attempt.ready_at == probed.now.wall:
            # Just ready: with the first renewal; until then the guard counts from the start of the boot (I9).
            self._next.pop(attempt.id, None)

    def probe_soon(self, attempt_id: str) -> None:
        """What the instance must know has changed: probe it at once. From any thread."""
        self._next.pop(attempt_id, None)

    def _forget_closed(self) -> None:
        still_open = {attempt.id for attempt in self.account.open_attempts()}
        for kept in (self._next, self._sent_deadlines, self._brought, self._logins):
            for attempt_id in kept.keys() - still_open:
                del kept[attempt_id]
                self._drop_reports(attempt_id)

    def _drop_reports(self, attempt_id: str) -> None:
        self.account.ctx.ignored_ends.pop(attempt_id, None)
        self.account.ctx.disk_free.pop(attempt_id, None)
        self.delivery.forget(attempt_id)
        self.outputs.forget(attempt_id)
