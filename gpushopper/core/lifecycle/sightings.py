"""Decides what a listed row means for its attempt: boot progress, ready, interrupted, host offline, running again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.boot_failure import boot_failure
from gpushopper.core.lifecycle.destroying import destroy_retry_s, destroying_fields
from gpushopper.core.lifecycle.evidence import NO_ABSENCES, lists_may_lag
from gpushopper.core.lifecycle.gpu_billing import hidden_fields, shown_billing
from gpushopper.core.model.actions import Action, ClearAlarm, EventDraft, RaiseAlarm, TerminateAttempt, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.ends.end_reason import NOT_HEARD
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.money import dollars
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def on_sighting(session: Session, attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """Apply one row of the provider to the open attempt that has its id.

    Any sighting cancels the absences counted before it.
    """
    fields = _sighting_fields(attempt, row, now)
    if attempt.state is State.DESTROYING:
        return [_seen_while_destroying(attempt, row, fields, now, policy)]
    is_back = attempt.state is State.MISSING and row.status is not StatusClass.OFFLINE
    cleared: list[Action] = [ClearAlarm(alarms.MISSING, attempt.id)] if is_back else []
    if attempt.self_ended_at is not None:  # also where its host is only offline: its cost goes on
        cleared.append(ClearAlarm(alarms.SELF_ENDED, attempt.id))
    if not attempt.is_wanted:
        event = EventDraft("destroying", "found, but its desired state is terminated")
        return [*cleared, UpdateAttempt(attempt, fields | destroying_fields(now), event)]
    if attempt.ready_at is None:
        return cleared + _before_ready(session, attempt, row, fields, now, policy)
    return cleared + _after_ready(session, attempt, row, fields, now, policy)


def _sighting_fields(attempt: Attempt, row: Instance, now: ClockSnapshot) -> dict[str, Any]:
    """The fields that every sighting sets, whatever the attempt's state."""
    has_progress = row.progress != attempt.progress
    fields: dict[str, Any] = {
        "last_seen_at": now.wall,
        "provider_status": row.provider_status,
        "progress": row.progress,
        "ssh_host": row.ssh_host or attempt.ssh_host,
        "ssh_port": row.ssh_port or attempt.ssh_port,
        "missing_at": None,
        "self_ended_at": None,
        "ssh_user": row.ssh_user or attempt.ssh_user,
        **shown_billing(row, attempt.offer.billing, attempt),
        **NO_ABSENCES,
    }
    if row.rate is not None:
        fields["current_rate"] = row.rate
    if has_progress or attempt.progress_boot is None:
        fields["progress_boot"] = now.boot
    return fields | hidden_fields(attempt, fields, now.wall)


def _seen_while_destroying(
    attempt: Attempt, row: Instance, fields: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> UpdateAttempt:
    """Start the proof of the end anew, and bring the next destroy forward: the instance still exists (S3).

    Not while its cloud removes it, after a destroy that was acknowledged.
    """
    is_under_way = row.status is StatusClass.ENDING and attempt.destroy_acknowledged
    if attempt.last_destroy_boot is not None and not is_under_way:
        due = attempt.last_destroy_boot + us(destroy_retry_s(attempt.destroy_count, policy))
        if attempt.next_destroy_boot is None or due < attempt.next_destroy_boot:
            fields["next_destroy_boot"] = due
    event = EventDraft("reappeared", "the provider shows it again") if attempt.off_at is not None else None
    return UpdateAttempt(attempt, fields | {"off_at": None}, event)


def _before_ready(
    session: Session, attempt: Attempt, row: Instance, fields: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    current = replace(attempt, progress_boot=fields.get("progress_boot", attempt.progress_boot))
    is_ours = _is_proven_ours(attempt, row, now, policy)
    failure = boot_failure(current, row, now, policy)
    if failure and is_ours:
        reason, text = failure
        return [UpdateAttempt(attempt, fields), TerminateAttempt(attempt, reason, text)]
    if row.status is StatusClass.RUNNING and not policy.needs_login and is_ours:  # a login is a proof of its own
        fields |= {"state": State.RUNNING, "ready_at": now.wall, "state_changed_at": now.wall}
        return [UpdateAttempt(attempt, fields, EventDraft("ready", f"{session.name} is running"))]
    if attempt.state is not State.BOOTING:
        fields |= {"state": State.BOOTING, "state_changed_at": now.wall}
    event = EventDraft("boot_progress", _boot_text(row)) if row.progress != attempt.progress else None
    return [UpdateAttempt(attempt, fields, event)]


def _is_proven_ours(attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy) -> bool:
    """Whether more than the create's answer says that this instance is ours: a label in either carrier, or time.

    That answer may name a stranger's instance, which shows once our label is listed under another id. Until lists must
    show it, an instance without a label is ended for its price or its boot by nobody (I28); its user and its deadline
    end it all the same.
    """
    return row.owner() is not None or not lists_may_lag(attempt, now, policy)


def _boot_text(row: Instance) -> str:
    return f"instance {row.instance_id}: {row.provider_status or 'created'}" + (
        f" ({row.message})" if row.message else ""
    )


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
        case StatusClass.STOPPED | StatusClass.FAILED | StatusClass.ENDING:
            actions += _interrupted(session, attempt, row, fields, now)
        case StatusClass.OFFLINE:
            actions.append(_host_offline(session, attempt, fields, now))
        case _ if attempt.state is State.RUNNING:
            actions.append(UpdateAttempt(attempt, fields))
        case _:
            fields |= {"state": State.RUNNING, "state_changed_at": now.wall, "interrupted_boot": None}
            fields |= NOT_HEARD if attempt.state is State.INTERRUPTED else {}  # it was started again (E4)
            actions += [
                UpdateAttempt(attempt, fields, EventDraft("recovered", f"{session.name} is running again")),
                ClearAlarm(alarms.INTERRUPTED, attempt.id),
            ]
    return actions


def _interrupted(
    session: Session, attempt: Attempt, row: Instance, fields: dict[str, Any], now: ClockSnapshot
) -> list[Action]:
    """The instance is listed and does not run: raise an alarm and, if it is stopped, start its grace time.

    A failed start is a guess from a host's text: no grace time runs then, the user or the deadline ends it (F22). Nor
    while the cloud removes it, which it does without our destroy.
    """
    is_stopped = row.status is StatusClass.STOPPED
    before = attempt.interrupted_boot if attempt.state is State.INTERRUPTED else None
    since = (now.boot if before is None else before) if is_stopped else None
    fields |= {"interrupted_boot": since}
    if attempt.state is State.INTERRUPTED and (before is None) is (since is None):
        return [UpdateAttempt(attempt, fields)]
    if attempt.state is not State.INTERRUPTED:
        fields |= {"state": State.INTERRUPTED, "state_changed_at": now.wall}
    text = f"{session.name}: the provider shows it as {row.provider_status}; {_still_bills(fields)}"
    if not is_stopped:
        text = f"{session.name}: it may not start again: {row.message or row.provider_status}"
    if row.status is StatusClass.ENDING:
        text = f"{session.name}: the provider is removing it ({row.provider_status}), and nobody here asked for that"
    hint = alarms.KEPT_HINT if session.keep_stopped or not is_stopped else alarms.HINTS[alarms.INTERRUPTED]
    return [
        ClearAlarm(alarms.INTERRUPTED, attempt.id),
        UpdateAttempt(attempt, fields, EventDraft("interrupted", text)),
        RaiseAlarm(alarms.INTERRUPTED, attempt.id, text, hint),
    ]


def _still_bills(fields: dict[str, Any]) -> str:
    if fields["is_gpu_billed"]:
        return "it still bills in full"
    return "its disk still bills" if fields["is_storage_billed"] else "it bills nothing now"


def _host_offline(session: Session, attempt: Attempt, fields: dict[str, Any], now: ClockSnapshot) -> UpdateAttempt:
    """The host is offline and may come back (F24): missing, until it is seen, the user ends it, or its deadline."""
    missing = attempt.missing_at if attempt.missing_at is not None else now.wall
    fields |= {"missing_at": missing}
    if attempt.state is State.MISSING:
        return UpdateAttempt(attempt, fields)
    fields |= {"state": State.MISSING, "state_changed_at": now.wall}
    return UpdateAttempt(attempt, fields, EventDraft("missing", f"{session.name}: its host is offline"))
