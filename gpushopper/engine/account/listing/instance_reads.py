"""Reads by id what a list lacks: the second path to an absence, and to a sighting (D5)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import is_proven_gone
from gpushopper.core.lifecycle.sightings import sighted
from gpushopper.core.listing.missing import close_if_proven, decide_missing
from gpushopper.core.listing.ownership import give_up_id, is_contradicted
from gpushopper.core.model.actions import Raise
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account.calls.in_flight import InFlightCall
from gpushopper.engine.account.listing import recorded_state
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Endpoint, Missing, Present, ReadFailed
from gpushopper.store import sessions

if TYPE_CHECKING:
    from gpushopper.engine.account.reconciler import AccountReconciler

GET = "get"


class Reads:
    """The reconciler's part that asks for single instances: those in `reconciler.ask`, while the list that lacks
    them is fresh.
    """

    def __init__(self, reconciler: AccountReconciler) -> None:
        self.reconciler = reconciler

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When the next read may be sent, on the boot clock."""
        under_way = {key[2] for key in self.reconciler.in_flight if key[1] == GET}
        waits = any(instance_id not in under_way for instance_id in self.reconciler.ask)
        return [self.reconciler.free_boot(Endpoint.GET, now)] if waits else []

    def send(self, now: ClockSnapshot) -> None:
        """Start what is due."""
        reconciler = self.reconciler
        connection, seen = reconciler.connection, reconciler.seen
        if connection is None or seen is None or not seen.is_fresh(now, reconciler.ctx.policy):
            reconciler.ask = {}
            return
        limit = reconciler.ctx.policy.read_limit_s
        for instance_id in list(reconciler.ask):
            if (reconciler.name, GET, instance_id) in reconciler.in_flight or not reconciler.is_free(Endpoint.GET, now):
                continue
            reconciler.submit((GET, instance_id), partial(connection.fetch_instance, instance_id, limit), limit, now)

    def took(
        self, instance_id: str, value: Present | Missing | ReadFailed, call_in_flight: InFlightCall, now: ClockSnapshot
    ) -> None:
        """Record an answer; one that says nothing changes nothing (I11)."""
        attempt_id = self.reconciler.ask.pop(instance_id, None)
        if attempt_id is None or isinstance(value, ReadFailed):
            return
        attempt = sessions.load_attempt(self.reconciler.ctx.store, attempt_id)
        if attempt is None or not attempt.is_open or attempt.instance_id != instance_id:
            return  # it may have given that id up meanwhile
        self.reconciler.transact(now, lambda tx: self._judge(tx, attempt, value, call_in_flight, now))

    def _judge(
        self,
        tx: Transaction,
        attempt: Attempt,
        value: Present | Missing,
        call_in_flight: InFlightCall,
        now: ClockSnapshot,
    ) -> None:
        store, policy, seen = self.reconciler.ctx.store, self.reconciler.ctx.policy, self.reconciler.seen
        session = sessions.load_session(store, attempt.session_id)
        if session is None:
            return
        if isinstance(value, Present):
            self._shown(tx, session, attempt, value.instance, now)
        elif seen is not None:
            tx.run(decide_missing(session, attempt, seen, call_in_flight.requested_boot, now, policy))
            latest = tx.attempt(attempt)
            tx.run(close_if_proven(latest, is_proven_gone(latest, policy), now))

    def _shown(self, tx: Transaction, session: Session, attempt: Attempt, row: Instance, now: ClockSnapshot) -> None:
        ctx = self.reconciler.ctx
        ids = recorded_state.known_instances(ctx.store, self.reconciler.name, attempt.account, [row.instance_id])
        if is_contradicted(attempt, row, ids):
            tx.run(give_up_id(session, attempt, row, ctx.installation.id, now))
            return
        if attempt.is_wanted:
            text = f"{self.reconciler.name}: the list lacks instance {attempt.instance_id}, but it answers by its id"
            hint = alarms.HINTS[alarms.LIST_INCONSISTENT]
            tx.run([Raise(alarms.LIST_INCONSISTENT, self.reconciler.name, text, hint)])
        tx.run(sighted(session, attempt, row, now, ctx.policy))
