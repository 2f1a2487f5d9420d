"""Reads by id the instances that a list lacks: a second source for an absence or for a sighting (D5).

Also those that it shows without a field for their address, until that is known: nobody could log in to them.
"""

from __future__ import annotations

from functools import partial

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import is_proven_gone
from gpushopper.core.lifecycle.sightings import on_sighting
from gpushopper.core.listing.list_breaker import is_unlisted_yet
from gpushopper.core.listing.missing import close_if_proven, decide_missing
from gpushopper.core.listing.ownership import drop_wrong_id, is_contradicted
from gpushopper.core.model.actions import RaiseAlarm
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import InFlightCall
from gpushopper.engine.account.calls.provider_calls import GET
from gpushopper.engine.account.listing import load_recorded_state
from gpushopper.engine.account.part_interface import Account
from gpushopper.engine.account.upkeep.leftover_removal import none_left
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Endpoint, InstanceFound, InstanceNotFound, Provider, ReadFailed
from gpushopper.store import sessions

ADDRESS_PAUSE_S = 10.0
"""Between two reads of an instance whose address is not known yet: it comes 5-30 s after the create, or later."""


class InstanceReads:
    """The reconciler's part that reads single instances: those in `pending_reads`, while the last list is recent."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._address_boot: dict[str, int] = {}
        """When each instance without an address may be read again, in µs of the boot clock, by attempt id."""

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When the next read can be sent, in µs of the boot clock; empty where none is pending."""
        in_flight = self.account.calls.subjects(GET)
        waits = any(instance_id not in in_flight for instance_id in self.account.observed.pending_reads)
        unread = [a for a in self._without_address() if a.instance_id not in in_flight]
        if not waits and not unread:
            return []
        free = self.account.calls.free_boot(Endpoint.GET, now)
        dues = [max(free, self._address_boot.get(a.id, now.boot)) for a in unread]
        return [*dues, free] if waits else dues

    def _without_address(self) -> list[Attempt]:
        """Attempts that boot, in whose row the last list has no field for an address."""
        last = self.account.observed.last_list
        partial_ids = set() if last is None else {row.instance_id for row in last.instances if row.is_partial}
        if not partial_ids:
            return []
        opened = self.account.open_attempts()
        booting = [a for a in opened if a.state is State.BOOTING and a.is_wanted and a.ssh_host is None]
        return [a for a in booting if a.instance_id in partial_ids]

    def send(self, now: ClockSnapshot) -> None:
        """Start every pending read that the rate limit allows; drop them all once the list is no longer recent."""
        account, calls, observed = self.account, self.account.calls, self.account.observed
        client, policy = account.client, account.policy
        if client is None or observed.last_list is None or not observed.last_list.is_fresh(now, policy):
            observed.pending_reads = {}
            return
        limit = policy.read_timeout_s
        for instance_id in list(observed.pending_reads):
            if calls.is_in_flight(GET, instance_id) or not calls.is_free(Endpoint.GET, now):
                continue
            calls.submit((GET, instance_id), partial(client.fetch_instance, instance_id, limit), limit, now)
        self._read_address(client, now)

    def _read_address(self, client: Provider, now: ClockSnapshot) -> None:
        """Start at most one read, of the one that has waited longest; absences come first."""
        calls, limit, waiting = self.account.calls, self.account.policy.read_timeout_s, self._without_address()
        self._address_boot = {a.id: self._address_boot.get(a.id, now.boot) for a in waiting}
        for attempt in sorted(waiting, key=lambda a: (self._address_boot[a.id], a.id)):
            instance_id = attempt.instance_id or ""
            if now.boot < self._address_boot[attempt.id] or not calls.is_free(Endpoint.GET, now):
                return
            if not calls.is_in_flight(GET, instance_id):
                self._address_boot[attempt.id] = now.boot + us(ADDRESS_PAUSE_S)
                calls.submit((GET, instance_id), partial(client.fetch_instance, instance_id, limit), limit, now)

    def on_result(
        self,
        instance_id: str,
        value: InstanceFound | InstanceNotFound | ReadFailed,
        call: InFlightCall,
        now: ClockSnapshot,
    ) -> None:
        """Record an answer; a failed read changes nothing (I11)."""
        attempt_id = self.account.observed.pending_reads.pop(instance_id, None)
        if isinstance(value, ReadFailed):
            return
        if attempt_id is None:
            self._on_address(instance_id, value, now)
            return
        attempt = sessions.load_attempt(self.account.ctx.store, attempt_id)
        if attempt is None or not attempt.is_open or attempt.instance_id != instance_id:
            return  # it may have given that id up meanwhile
        self.account.transact(now, lambda tx: self._record(tx, attempt, value, call, now))

    def _on_address(self, instance_id: str, value: InstanceFound | InstanceNotFound, now: ClockSnapshot) -> None:
        """A sighting with more than the list shows; that it is not found is for a list to say."""
        attempt = next((a for a in self._without_address() if a.instance_id == instance_id), None)
        session = None if attempt is None else sessions.load_session(self.account.ctx.store, attempt.session_id)
        if attempt is not None and session is not None and isinstance(value, InstanceFound):
            self.account.transact(now, lambda tx: self._on_present(tx, session, attempt, value.instance, now))

    def _record(
        self,
        tx: Transaction,
        attempt: Attempt,
        value: InstanceFound | InstanceNotFound,
        call: InFlightCall,
        now: ClockSnapshot,
    ) -> None:
        policy, last_list = self.account.policy, self.account.observed.last_list
        session = sessions.load_session(self.account.ctx.store, attempt.session_id)
        if session is None:
            return
        if isinstance(value, InstanceFound):
            self._on_present(tx, session, attempt, value.instance, now)
        elif last_list is not None:
            tx.run(decide_missing(session, attempt, last_list, call.requested_boot, now, policy))
            latest = tx.attempt(attempt)
            is_proven = is_proven_gone(latest, policy) and none_left(self.account, latest)
            tx.run(close_if_proven(latest, is_proven, now))

    def _on_present(
        self, tx: Transaction, session: Session, attempt: Attempt, row: Instance, now: ClockSnapshot
    ) -> None:
        """A sighting of the attempt, unless the row's label says that the id is another instance's."""
        ctx, name = self.account.ctx, self.account.name
        ids = load_recorded_state.known_instances(ctx.store, name, {attempt.account}, [row.instance_id])
        if is_contradicted(attempt, row, ids):
            tx.run(drop_wrong_id(session, attempt, row, ctx.installation.id, now))
            return
        last, policy = self.account.observed.last_list, self.account.policy
        is_behind = is_unlisted_yet(attempt, self.account.observed.listed, now, policy)
        if attempt.is_wanted and not is_behind and (last is None or last.find(row.instance_id) is None):
            text = f"{name}: the list lacks instance {attempt.instance_id}, but it answers by its id"
            tx.run([RaiseAlarm.with_hint(alarms.LIST_INCONSISTENT, name, text)])
        tx.run(on_sighting(session, attempt, row, now, policy))
