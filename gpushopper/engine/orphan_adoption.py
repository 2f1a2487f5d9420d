"""Builds the rows of an adopted orphan, of an instance that a person names, and of a duplicate (F50, S9)."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, count
from typing import Any

from gpushopper.core import alarms as kinds
from gpushopper.core.cloud import Billing
from gpushopper.core.lifecycle.destroying import destroying_fields
from gpushopper.core.lifecycle.gpu_billing import shown_billing
from gpushopper.core.lifecycle.guard_renewal import NONE
from gpushopper.core.model.actions import AdoptOrphan, DestroyDuplicate, RaiseAlarm
from gpushopper.core.model.attempt import TAKEN_OVER, Attempt, DesiredState, Origin, State
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.label import make_label
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.model.session_names import MAX_NAME_LENGTH, to_valid_name
from gpushopper.core.policy import HARD_MAXIMUM_S
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.deadline import Deadline
from gpushopper.engine.context import Context
from gpushopper.store import sessions
from gpushopper.store.consumers import present_name

LONGEST_NUMBER = 8
"""Characters kept free for the number that makes a name unique."""


def adopt(ctx: Context, action: AdoptOrphan, now: ClockSnapshot) -> tuple[Session, Attempt, RaiseAlarm]:
    """The session and attempt of an instance with our label and no row, and the alarm about it; nothing is written."""
    row = action.instance
    session = _session(ctx, row, _free_name(ctx, row), action.deadline, now)
    offer = _offer_of(row, action.provider, ctx, now)
    at = (action.provider, action.account)
    found = _found(ctx, session, at, action.label.attempt, action.label.text, row, offer, action.deadline, now)
    attempt = replace(found, image=session.image, **_as_shown(row, now))
    text = f"instance {row.instance_id} carries our label but was not in the database: adopted as {session.name}"
    return session, attempt, RaiseAlarm.with_hint(kinds.ADOPTED, attempt.id, text)


def take_over(
    ctx: Context, at: tuple[str, str], row: Instance, name: str | None, deadline: Deadline, now: ClockSnapshot
) -> tuple[Session, Attempt]:
    """The session and attempt of an instance that a person has named; nothing is written.

    `at` is the account's name and its id. The books begin now: what it has cost before was not ours, and must not use
    up a budget that others live by. Its label is new, with a hard maximum counted from now.
    """
    named = replace(row, created_at=now.wall)
    session = _session(ctx, row, name or _free_name(ctx, row), deadline, now)
    attempt_id = ctx.new_id(16)
    label = make_label(ctx.installation.id, attempt_id, now.wall + us(HARD_MAXIMUM_S))
    offer = replace(_offer_of(row, at[0], ctx, now), offer_id=TAKEN_OVER)
    found = _found(ctx, session, at, attempt_id, label, named, offer, deadline, now)
    return session, replace(found, image=session.image, **_as_shown(row, now))


def _session(ctx: Context, row: Instance, name: str, deadline: Deadline, now: ClockSnapshot) -> Session:
    return Session(
        id=ctx.new_id(16),
        name=name,
        consumer=present_name(ctx.store, ctx.consumer),
        desired_state=DesiredState.RUNNING,
        reason="",
        version=1,
        created_at=now.wall,
        image=row.image or "",
        disk_gb=row.disk_gb or 0.0,
        shortlist=(),
        max_rate=None,
        retries_left=0,
        deadline_at=deadline.wall,
        # Only its deadline may end an orphan, stopped or not: why it is stopped is unknown (F50).
        keep_stopped=True,
    )


def _free_name(ctx: Context, row: Instance) -> str:
    """`adopted-ID`, cut to fit, with a number where an open session has that name already: never fails."""
    taken = {session.name for session in sessions.load_sessions(ctx.store, open_only=True)}
    stem = to_valid_name(f"adopted-{row.instance_id}", MAX_NAME_LENGTH - LONGEST_NUMBER)
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _as_shown(row: Instance, now: ClockSnapshot) -> dict[str, Any]:
    """The state columns of an orphan: it counts as ready, whatever the provider shows now."""
    match row.status:
        case StatusClass.STOPPED | StatusClass.FAILED | StatusClass.ENDING:
            since = now.boot if row.status is StatusClass.STOPPED else None
            state: dict[str, Any] = {"state": State.INTERRUPTED, "interrupted_boot": since}
        case StatusClass.OFFLINE:
            state = {"state": State.MISSING, "missing_at": now.wall}
        case _:
            state = {"state": State.RUNNING}
    return state | {"ready_at": now.wall}


def duplicate_attempt(ctx: Context, action: DestroyDuplicate, now: ClockSnapshot) -> Attempt | None:
    """The attempt of a second instance under one label, to be destroyed from the start; nothing is written."""
    of = action.duplicate_of
    session = sessions.load_session(ctx.store, of.session_id)
    if session is None:
        return None
    at = (of.provider, of.account)
    found = _found(ctx, session, at, ctx.new_id(16), of.label, action.instance, of.offer, of.deadline, now)
    return replace(
        found,
        image=of.image,
        desired_state=DesiredState.TERMINATED,
        reason=action.reason,
        terminate_requested_at=now.wall,
        **destroying_fields(now),
    )


def _found(
    ctx: Context,
    session: Session,
    at: tuple[str, str],
    attempt_id: str,
    label: str,
    row: Instance,
    offer: Offer,
    deadline: Deadline,
    now: ClockSnapshot,
) -> Attempt:
    """An attempt that starts when the provider says the instance was created: it has billed since then.

    `at` is the account's name and its id.
    """
    started = row.created_at if row.created_at is not None else now.wall
    attempt = Attempt(
        id=attempt_id,
        session_id=session.id,
        ordinal=len(sessions.attempts_of(ctx.store, session.id)) + 1,
        provider=at[0],
        account=at[1],
        label=label,
        origin=Origin.DISCOVERED,
        offer=offer,
        disk_gb=session.disk_gb,
        state=State.BOOTING,
        desired_state=DesiredState.RUNNING,
        reason="",
        version=1,
        deadline=deadline,
        hard_max_at=max(deadline.wall, _hard_max(row, started)),
        agreed_rate=row.rate if row.rate is not None else offer.rate(session.disk_gb),
        reserve=0,
        guard_state=NONE,
        prepared_at=started,
        state_changed_at=now.wall,
        instance_id=row.instance_id,
        sent_at=started,
        billed_until=started,
        current_rate=row.rate,
        last_seen_at=started,
        **shown_billing(row, offer.billing, None),
    )
    return replace(attempt, reserve=ctx.reserve_for(attempt))


def _hard_max(row: Instance, started: int) -> int:
    """The hard maximum counted from its start, or the one that its label names where that is earlier."""
    by_policy, labelled = started + us(HARD_MAXIMUM_S), row.labelled_hard_max()
    return by_policy if labelled is None else min(by_policy, labelled)


def _offer_of(row: Instance, provider: str, ctx: Context, now: ClockSnapshot) -> Offer:
    """An offer made up from the instance: enough to show it and to account for it on its cloud's terms."""
    disk = row.disk_gb or 0.0
    billing = ctx.traits[provider].billing if provider in ctx.traits else Billing()
    billed = billing.billed_gb(disk)
    return Offer(
        provider=provider,
        offer_id="unknown",
        host_id=row.host_id,
        gpu=row.gpu or "unknown",
        gpu_count=row.gpu_count or 1,
        vram_mb=row.vram_mb or 0,
        gpu_rate=row.gpu_rate if row.gpu_rate is not None else (row.rate or 0),
        storage_gb_month=round((row.storage_rate or 0) * billing.month_hours / billed) if billed else 0,
        upload_gb=0,
        download_gb=0,
        disk_gb=disk,
        seen_at=now.wall,
        billing=billing,
    )
