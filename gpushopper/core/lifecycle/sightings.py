"""One attempt's life: the rules of the clock, and what a sighting of its instance means (architecture 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.billing_state import bills_gpu_time
from gpushopper.core.lifecycle.clock_rules import boot_is_over
from gpushopper.core.lifecycle.destroying import destroying, ladder_step
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.lifecycle.offer_mismatch import row_fault
from gpushopper.core.model.actions import Action, Change, Clear, Note, Raise, TerminateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.money import dollars
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def sighted(session: Session, attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """What one row of the provider says about an open attempt whose id is known."""
    sets = _refresh(attempt, row, now)
    if attempt.state is State.DESTROYING:
        return [_still_there(attempt, sets, now, policy)]
    back = attempt.state is State.MISSING and row.status is not StatusClass.OFFLINE
    cleared: list[Action] = [Clear(alarms.MISSING, attempt.id)] if back else []
    if not attempt.is_wanted:
        return [
            *cleared,
            Change(attempt, sets | destroying(now), Note("destroying", "unwanted instance found")),
        ]
    if attempt.ready_at is None:
        return cleared + _before_hand_over(session, attempt, row, sets, now, policy)
    return cleared + _after_hand_over(session, attempt, row, sets, now, policy)


def _refresh(attempt: Attempt, row: Instance, now: ClockSnapshot) -> dict[str, Any]:
    moved = row.progress != attempt.progress
    sets: dict[str, Any] = {
        "last_seen_at": now.wall,
        "provider_status": row.provider_status,
        "progress": row.progress,
        "ssh_host": row.ssh_host or attempt.ssh_host,
        "ssh_port": row.ssh_port or attempt.ssh_port,
        "missing_at": None,
        "is_gpu_billed": bills_gpu_time(row, was_billed=attempt.is_gpu_billed),
        **NO_ABSENCES,
    }
    if row.rate is not None:
        sets["current_rate"] = row.rate
    if moved or attempt.progress_boot is None:
        sets["progress_boot"] = now.boot
    return sets


def _still_there(attempt: Attempt, sets: dict[str, Any], now: ClockSnapshot, policy: Policy) -> Change:
    """A sighting while destroying cancels the proof under way and brings the next destroy forward (S3)."""
    if attempt.last_destroy_boot is not None:
        due = attempt.last_destroy_boot + us(ladder_step(attempt.destroy_count, policy))
        if attempt.next_destroy_boot is None or due < attempt.next_destroy_boot:
            sets["next_destroy_boot"] = due
    note = Note("reappeared", "the provider shows it again") if attempt.off_at is not None else None
    return Change(attempt, sets | {"off_at": None}, note)


def _before_hand_over(
    session: Session, attempt: Attempt, row: Instance, sets: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    seen = replace(attempt, progress_boot=sets.get("progress_boot", attempt.progress_boot))
    fault = _boot_fault(seen, row, now, policy)
    if fault:
        reason, text = fault
        return [Change(attempt, sets), TerminateAttempt(attempt, reason, text)]
    if row.status is StatusClass.RUNNING and not policy.needs_login:
        sets |= {"state": State.RUNNING, "ready_at": now.wall, "state_changed_at": now.wall}
        return [Change(attempt, sets, Note("ready", f"{session.name} is running"))]
    if attempt.state is not State.BOOTING:
        sets |= {"state": State.BOOTING, "state_changed_at": now.wall}
    note = Note("boot_progress", _boot_text(row)) if row.progress != attempt.progress else None
    return [Change(attempt, sets, note)]


def _boot_text(row: Instance) -> str:
    return f"instance {row.instance_id}: {row.provider_status or 'created'}" + (
        f" ({row.message})" if row.message else ""
    )


def _boot_fault(attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy) -> tuple[str, str] | None:
    """Why this instance cannot be handed over, if so; it fails over (S13, F13, F15)."""
    limit = round(attempt.agreed_rate * (1 + policy.price_tolerance))
    if row.rate is not None and row.rate > limit:
        told, agreed = dollars(row.rate, 4), dollars(attempt.agreed_rate, 4)
        return "price_changed", f"the price is {told}/h, agreed was {agreed}/h"
    if row.status is StatusClass.FAILED and row.image_refused:
        return "image_refused", f"the registry does not give the image: {row.message}"
    if row.status in (StatusClass.STOPPED, StatusClass.FAILED):
        return "boot_failed", f"the instance is {row.provider_status}: {row.message or 'it did not start'}"
    claim = row_fault(attempt, row)
    if claim:
        return "offer_mismatch", claim
    is_running = row.status is StatusClass.RUNNING
    if is_running and not policy.needs_login:
        return None
    since = attempt.progress_boot
    silent = since is not None and now.boot - since >= us(policy.boot_silence_s)
    # Running, its row has nothing more to say: only the limit counts until the other proofs are in (S13).
    is_over = boot_is_over(attempt, now, policy)
    if is_over and is_running and attempt.unreachable_since is not None:
        return "local_error", f"this computer could not log in to it: {attempt.probe_error}"
    if (silent and not is_running) or is_over:
        return "boot_timeout", f"no progress: still {row.provider_status or 'created'}"
    return None


def _after_hand_over(
    session: Session, attempt: Attempt, row: Instance, sets: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    actions: list[Action] = []
    limit = round(attempt.agreed_rate * (1 + policy.price_tolerance))
    if row.rate is not None and row.rate > limit:
        text = f"{session.name}: the price is {dollars(row.rate, 4)}/h, agreed was {dollars(attempt.agreed_rate, 4)}/h"
        actions.append(Raise.with_hint(alarms.PRICE_CHANGED, attempt.id, text))
    else:
        actions.append(Clear(alarms.PRICE_CHANGED, attempt.id))
    match row.status:
        case StatusClass.STOPPED | StatusClass.FAILED:
            actions += _interrupted(session, attempt, row, sets, now)
        case StatusClass.OFFLINE:
            actions.append(_host_lost(session, attempt, sets, now))
        case _ if attempt.state is State.RUNNING:
            actions.append(Change(attempt, sets))
        case _:
            sets |= {"state": State.RUNNING, "state_changed_at": now.wall, "interrupted_boot": None}
            actions += [
                Change(attempt, sets, Note("recovered", f"{session.name} is there again")),
                Clear(alarms.INTERRUPTED, attempt.id),
            ]
    return actions


def _interrupted(
    session: Session, attempt: Attempt, row: Instance, sets: dict[str, Any], now: ClockSnapshot
) -> list[Action]:
    """Shown, and not running. Only a stop that the provider states starts the time after which it is ended.

    A text that reads like a failed start may be a host's, and wrong: then the user or the deadline decides (F22).
    """
    is_stopped = row.status is StatusClass.STOPPED
    former = attempt.interrupted_boot if attempt.state is State.INTERRUPTED else None
    since = (now.boot if former is None else former) if is_stopped else None
    sets |= {"interrupted_boot": since}
    if attempt.state is State.INTERRUPTED and (former is None) is (since is None):
        return [Change(attempt, sets)]
    if attempt.state is not State.INTERRUPTED:
        sets |= {"state": State.INTERRUPTED, "state_changed_at": now.wall}
    text = f"{session.name}: the provider shows it as {row.provider_status}; its disk still bills"
    if not is_stopped:
        text = f"{session.name}: it may not start again: {row.message or row.provider_status}"
    hint = alarms.HINTS[alarms.INTERRUPTED] if is_stopped else alarms.KEPT_HINT
    return [
        Clear(alarms.INTERRUPTED, attempt.id),
        Change(attempt, sets, Note("interrupted", text)),
        Raise(alarms.INTERRUPTED, attempt.id, text, hint),
    ]


def _host_lost(session: Session, attempt: Attempt, sets: dict[str, Any], now: ClockSnapshot) -> Change:
    """The host is offline: shown, but nobody can say whether it comes back (F24). Wait for the user or the deadline."""
    missing = attempt.missing_at if attempt.missing_at is not None else now.wall
    sets |= {"missing_at": missing}
    if attempt.state is State.MISSING:
        return Change(attempt, sets)
    sets |= {"state": State.MISSING, "state_changed_at": now.wall}
    return Change(attempt, sets, Note("missing", f"{session.name}: its host is offline"))
