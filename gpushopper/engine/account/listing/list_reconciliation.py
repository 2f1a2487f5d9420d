"""One transaction per list: load the recorded state, run the rules of core/listing, apply their actions (D4)."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core.lifecycle.ends.self_ended import has_been_silent
from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.listing import reconcile
from gpushopper.core.listing.list_breaker import newly_missing
from gpushopper.core.listing.missing import missing_attempts, moved_alarms
from gpushopper.core.listing.same_account import as_unproven, same_account_alarms, shown_elsewhere
from gpushopper.core.listing.uncertain_create import close_if_absent
from gpushopper.core.model.actions import AdoptOrphan
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account import account_alarms
from gpushopper.engine.account.listing import list_verification, load_recorded_state
from gpushopper.engine.account.part_interface import Account
from gpushopper.engine.account.upkeep.leftover_removal import none_left
from gpushopper.engine.transaction import Transaction


def reconcile_list(tx: Transaction, account: Account, seen: ObservedList, detail: str, now: ClockSnapshot) -> None:
    """Read the database, decide with the list, write the database.

    Sightings, orphans, duplicates, missing and absent instances are decided in `gpushopper.core.listing`. Only
    attempts that were open before the list was requested can be absent from it. Also chosen here: which instances are
    read by id next, and the alarms about the list and the account.
    """
    ctx, name, observed = account.ctx, account.name, account.observed
    is_copied_home = not ctx.may_spend
    recorded = load_recorded_state.load(
        ctx.store,
        ctx.installation.id,
        name,
        observed.health.account_id,
        seen,
        is_copied_home=is_copied_home,
        also=account.identity.accounts() if account.identity is not None else (),
        same_as=account.same_as,
        shown_elsewhere=shown_elsewhere(name, account.same_as, ctx.seen_accounts),
        cloud_of=ctx.cloud_of,
    )
    ended = {a.id for a in recorded.open if has_been_silent(a, now, account.policy)}
    recorded = replace(recorded, may_have_ended=recorded.may_have_ended & ended)
    missing = missing_attempts(recorded, seen)
    # A list that lacks what was there a moment ago proves no absence of anything else either (I11).
    new = newly_missing(missing, observed.listed, now, account.policy)
    observed.health.is_inconsistent = bool(new)
    evidence = replace(seen, is_complete=seen.is_complete and not observed.health.is_inconsistent)
    actions = reconcile.reconcile_list(recorded, evidence, now, account.policy)
    if account.same_as:  # both names show it: neither takes what no row is of
        actions = [action for action in actions if not isinstance(action, AdoptOrphan)]
    tx.run(as_unproven(actions) if observed.health.wrong_account else actions)
    tx.run(moved_alarms(recorded, evidence))
    tx.run(same_account_alarms(ctx.cloud_of(name), ctx.clouds, ctx.seen_accounts))
    for attempt in () if is_copied_home else recorded.open:
        latest = tx.attempt(attempt)
        absent = close_if_absent(latest, now, account.policy)
        if absent and none_left(account, latest):  # which reads every open attempt again
            tx.run(absent)
    observed.pending_reads = list_verification.ids_to_read(recorded, missing, now, account.policy)
    tx.run(observed.health.on_list(seen, detail, name, now, account.policy))
    if seen.is_complete:
        tx.run(list_verification.mass_disappearance_alarms(name, recorded, missing, new, account.policy))
    tx.run(account_alarms.clock_alarms(name, now))
    tx.run(account_alarms.unknown_response_alarms(name, account.client))
