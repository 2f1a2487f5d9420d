"""Applies the rules to what one probe has shown, and adds it to the history, within a transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gpushopper.core.lifecycle.ends import landing
from gpushopper.core.lifecycle.ends.early_end import allowed_ends, announced, on_ends_heard, own_end_us
from gpushopper.core.lifecycle.ends.end_files import EVENT, on_end_files
from gpushopper.core.lifecycle.ends.idle_watch import watch_use
from gpushopper.core.lifecycle.ends.limits_line import on_brought
from gpushopper.core.lifecycle.ends.own_network import OFFLINE_TEXT
from gpushopper.core.lifecycle.ends.run_seen import RUN_ENDED, run_ends_seen, runs_over
from gpushopper.core.lifecycle.ends.withdrawn_end import on_none_heard
from gpushopper.core.lifecycle.reachability import on_heartbeat, on_probe_failure
from gpushopper.core.model.actions import UpdateAttempt
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.ends.end_reason import DONE
from gpushopper.core.model.ends.heartbeat_row import heartbeat_row
from gpushopper.core.model.heartbeat import Brought, Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.core.model.session import Session
from gpushopper.core.spending.bills.traffic import count_traffic
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account.part_interface import Account
from gpushopper.engine.account.watching.run_starts import withdraw_unstarted
from gpushopper.engine.transaction import Transaction
from gpushopper.store import events, sessions
from gpushopper.store.instances import heartbeats
from gpushopper.store.instances.run_ends import run_ends_of


@dataclass(frozen=True, slots=True)
class Probed:
    """What one probe has shown, at `now`. `was_moved`: the deadline has changed since the login began.

    `limits` and `digest` are what was brought along; empty where nothing was.
    """

    attempt_id: str
    found: Heartbeat | ProbeFailure
    now: ClockSnapshot
    was_moved: bool = False
    limits: str = ""
    digest: str = ""


def record(account: Account, tx: Transaction, probed: Probed) -> Attempt | None:
    """Apply it; the attempt as it is now, None where there is none any more."""
    store = account.ctx.store
    attempt = sessions.load_attempt(store, probed.attempt_id)
    session = None if attempt is None else sessions.load_session(store, attempt.session_id)
    if attempt is None or session is None:
        return None
    if isinstance(probed.found, Heartbeat):
        _on_heartbeat(account, tx, session, attempt, probed.found, probed)
    else:
        _on_failure(account, tx, session, attempt, probed.found, probed)
    if attempt.ready_at is not None:
        report = probed.found.agent if isinstance(probed.found, Heartbeat) else None
        is_answered, recent_s = isinstance(probed.found, Heartbeat), account.policy.heartbeat_interval_s
        line = heartbeat_row(attempt.id, probed.now.wall, answered=is_answered, report=report, recent_s=recent_s)
        heartbeats.add(store, [line])
    return tx.attempt(attempt)


def _on_heartbeat(
    account: Account, tx: Transaction, session: Session, attempt: Attempt, found: Heartbeat, probed: Probed
) -> None:
    policy, now = account.policy, probed.now
    kind = account.ctx.ending_of(attempt.provider).kind
    tx.run(on_heartbeat(session, attempt, found, now, policy, was_moved=probed.was_moved, ending=kind))
    # Before what the same login brought: the guard reported before that, by the limits of then.
    run_ends = run_ends_of(account.ctx.store, session.id)
    allowed = allowed_ends(session, tx.attempt(attempt), run_ends)
    ignored, expected = _ignored_before(account, attempt), allowed | {DONE}
    heard, own_end = announced(found), own_end_us(kind, found.guard, policy)
    if heard:
        tx.run(on_ends_heard(session, tx.attempt(attempt), heard, allowed, now, own_end))
    else:
        tx.run(on_none_heard(session, tx.attempt(attempt), found, ignored, now, policy))
    tx.run(on_end_files(session, tx.attempt(attempt), found.guard, ignored, expected))
    tx.run(landing.on_heartbeat(tx.session(session), tx.attempt(attempt), expected, now, policy))
    if probed.limits:
        brought = found.brought or Brought(problem="its agent could not be brought there in time")
        found = replace(found, brought=brought)
        tx.run(on_brought(tx.attempt(attempt), brought, probed.limits, probed.digest))
    if network := count_traffic(tx.attempt(attempt), found.network):
        tx.run([UpdateAttempt(attempt, network)])
    withdraw_unstarted(tx, session, tx.attempt(attempt), run_ends, found.agent, policy)
    tx.run(watch_use(session, tx.attempt(attempt), found, now, policy))
    _tell_run_ends(account, tx, session, attempt, found)


def _tell_run_ends(account: Account, tx: Transaction, session: Session, attempt: Attempt, found: Heartbeat) -> None:
    """Once for each run; what was told is in the history, so that a restart tells nothing again."""
    if found.agent is None or not runs_over(found.agent):
        return
    told = {str(data.get("run")) for data in events.data_of(account.ctx.store, session.id, RUN_ENDED)}
    for event in run_ends_seen(session, found.agent, told):
        tx.add_event(event, session.id, attempt.id)


def _ignored_before(account: Account, attempt: Attempt) -> tuple[str, ...]:
    """The end files that its guard ignored before; after a start of the daemon, what was told last."""
    ctx = account.ctx
    known = ctx.ignored_ends.get(attempt.id)
    if known is not None:
        return known
    told = events.latest_of(ctx.store, attempt.session_id, attempt.id, EVENT)
    return () if told is None else tuple(told.data["ignored"])


def _on_failure(
    account: Account, tx: Transaction, session: Session, attempt: Attempt, found: ProbeFailure, probed: Probed
) -> None:
    since = account.ctx.network.offline_since
    is_offline = since is not None and found.kind in (ProbeFailureKind.UNREACHABLE, ProbeFailureKind.LOCAL)
    if since is not None and is_offline:
        found = ProbeFailure(ProbeFailureKind.LOCAL, OFFLINE_TEXT)
    tx.run(on_probe_failure(session, attempt, found, probed.now, account.policy, is_offline=is_offline))
