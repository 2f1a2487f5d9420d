"""One attempt's life: the rules of the clock, and what a sighting of its instance means (architecture 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.billing_state import bills_gpu_time
from gpushopper.core.lifecycle.clock_rules import boot_is_over
from gpushopper.core.lifecycle.destroying import destroy_retry_s, destroying_fields
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.lifecycle.offer_mismatch import row_mismatch
from gpushopper.core.model.actions import Action, ClearAlarm, EventDraft, RaiseAlarm, TerminateAttempt, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.money import dollars
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def on_sighting(session: Session, attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """What one row of the provider says about an open attempt whose id is known."""
    fields = _sighting_fields(attempt, row, now)
    if attempt.state is State.DESTROYING:
        return [_seen_while_destroying(attempt, fields, now, policy)]
    back = attempt.state is State.MISSING and row.status is not StatusClass.OFFLINE
    cleared: list[Action] = [ClearAlarm(alarms.MISSING, attempt.id)] if back else []
    if not attempt.is_wanted:
        return [
            *cleared,
            UpdateAttempt(
                attempt, fields | destroying_fields(now), EventDraft("destroying", "unwanted instance found")
            ),
        ]
    if attempt.ready_at is None:
        return cleared + _before_ready(session, attempt, row, fields, now, policy)
    return cleared + _after_ready(session, attempt, row, fields, now, policy)


def _sighting_fields(attempt: Attempt, row: Instance, now: ClockSnapshot) -> dict[str, Any]:
    moved = row.progress != attempt.progress
    fields: dict[str, Any] = {
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
        fields["current_rate"] = row.rate
    if moved or attempt.progress_boot is None:
        fields["progress_boot"] = now.boot
    return fields


def _seen_while_destroying(
    attempt: Attempt, fields: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> UpdateAttempt:
    """A sighting while destroying cancels the proof under way and brings the next destroy forward (S3)."""
    if attempt.last_destroy_boot is not None:
        due = attempt.last_destroy_boot + us(destroy_retry_s(attempt.destroy_count, policy))
        if attempt.next_destroy_boot is None or due < attempt.next_destroy_boot:
            fields["next_destroy_boot"] = due
    note = EventDraft("reappeared", "the provider shows it again") if attempt.off_at is not None else None
    return UpdateAttempt(attempt, fields | {"off_at": None}, note)


def _before_ready(
    session: Session, attempt: Attempt, row: Instance, fields: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    seen = replace(attempt, progress_boot=fields.get("progress_boot", attempt.progress_boot))
    fault = _boot_failure(seen, row, now, policy)
    if fault:
        reason, text = fault
        return [UpdateAttempt(attempt, fields), TerminateAttempt(attempt, reason, text)]
    if row.status is StatusClass.RUNNING and not policy.needs_login:
        fields |= {"state": State.RUNNING, "ready_at": now.wall, "state_changed_at": now.wall}
        return [UpdateAttempt(attempt, fields, EventDraft("ready", f"{session.name} is running"))]
    if attempt.state is not State.BOOTING:
        fields |= {"state": State.BOOTING, "state_changed_at": now.wall}
    note = EventDraft("boot_progress", _boot_text(row)) if row.progress != attempt.progress else None
    return [UpdateAttempt(attempt, fields, note)]


def _boot_text(row: Instance) -> str:
    return f"instance {row.instance_id}: {row.provider_status or 'created'}" + (
        f" ({row.message})" if row.message else ""
    )


def _boot_failure(attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy) -> tuple[str, str] | None:
    """Why this instance cannot be handed over, if so; it fails over (S13, F13, F15)."""
    limit = round(attempt.agreed_rate * (1 + policy.price_tolerance))
    if row.rate is not None and row.rate > limit:
        told, agreed = dollars(row.rate, 4), dollars(attempt.agreed_rate, 4)
        return "price_changed", f"the price is {told}/h, agreed was {agreed}/h"
    if row.status is StatusClass.FAILED and row.image_refused:
        return "image_refused", f"the registry does not give the image: {row.message}"
    if row.status in (StatusClass.STOPPED, StatusClass.FAILED):
        return "boot_failed", f"the instance is {row.provider_status}: {row.message or 'it did not start'}"
    claim = row_mismatch(attempt, row)
    if claim:
        return "offer_mismatch", claim
    is_running = row.status is StatusClass.RUNNING
    if is_running and not policy.needs_login:
        return None
    since = attempt.progress_boot
    silent = since is not None and now.boot - since >= us(policy.boot_stall_timeout_s)
    # Running, its row has nothing more to say: only the limit counts until the other proofs are in (S13).
    is_over = boot_is_over(attempt, now, policy)
    if is_over and is_running and attempt.unreachable_since is not None:
        return "local_error", f"this computer could not log in to it: {attempt.probe_error}"
    if (silent and not is_running) or is_over:
        return "boot_timeout", f"no progress: still {row.provider_status or 'created'}"
    return None


def _after_ready(
    session: Session, attempt: Attempt, row: Instance, fields: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    actions: list[Action] = []
    limit = round(attempt.agreed_rate * (1 + policy.price_tolerance))
    if row.rate is not None and row.rate > limit:
        text = f"{session.name}: the price is {dollars(row.rate, 4)}/h, agreed was {dollars(attempt.agreed_rate, 4)}/h"
        actions.append(RaiseAlarm.with_hint(alarms.PRICE_CHANGED, attempt.id, text))
    else:
        actions.append(ClearAlarm(alarms.PRICE_CHANGED, attempt.id))
    match row.status:
        case StatusClass.STOPPED | StatusClass.FAILED:
            actions += _interrupted(session, attempt, row, fields, now)
        case StatusClass.OFFLINE:
            actions.append(_host_offline(session, attempt, fields, now))
        case _ if attempt.state is State.RUNNING:
            actions.append(UpdateAttempt(attempt, fields))
        case _:
            fields |= {"state": State.RUNNING, "state_changed_at": now.wall, "interrupted_boot": None}
            actions += [
                UpdateAttempt(attempt, fields, EventDraft("recovered", f"{session.name} is there again")),
                ClearAlarm(alarms.INTERRUPTED, attempt.id),
            ]
    return actions


def _interrupted(
    session: Session, attempt: Attempt, row: Instance, fields: dict[str, Any], now: ClockSnapshot
) -> list[Action]:
    """Shown, and not running. Only a stop that the provider states starts the time after which it is ended.

    A text that reads like a failed start may be a host's, and wrong: then the user or the deadline decides (F22).
    """
    is_stopped = row.status is StatusClass.STOPPED
    former = attempt.interrupted_boot if attempt.state is State.INTERRUPTED else None
    since = (now.boot if former is None else former) if is_stopped else None
    fields |= {"interrupted_boot": since}
    if attempt.state is State.INTERRUPTED and (former is None) is (since is None):
        return [UpdateAttempt(attempt, fields)]
    if attempt.state is not State.INTERRUPTED:
        fields |= {"state": State.INTERRUPTED, "state_changed_at": now.wall}
    text = f"{session.name}: the provider shows it as {row.provider_status}; its disk still bills"
    if not is_stopped:
        text = f"{session.name}: it may not start again: {row.message or row.provider_status}"
    hint = alarms.HINTS[alarms.INTERRUPTED] if is_stopped else alarms.KEPT_HINT
    return [
        ClearAlarm(alarms.INTERRUPTED, attempt.id),
        UpdateAttempt(attempt, fields, EventDraft("interrupted", text)),
        RaiseAlarm(alarms.INTERRUPTED, attempt.id, text, hint),
    ]


def _host_offline(session: Session, attempt: Attempt, fields: dict[str, Any], now: ClockSnapshot) -> UpdateAttempt:
    """The host is offline: shown, but nobody can say whether it comes back (F24). Wait for the user or the deadline."""
    missing = attempt.missing_at if attempt.missing_at is not None else now.wall
    fields |= {"missing_at": missing}
    if attempt.state is State.MISSING:
        return UpdateAttempt(attempt, fields)
    fields |= {"state": State.MISSING, "state_changed_at": now.wall}
    return UpdateAttempt(attempt, fields, EventDraft("missing", f"{session.name}: its host is offline"))
