"""One attempt's life: the rules of the clock, and what a sighting of its instance means (architecture 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.claims import row_fault
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.model.actions import Action, Change, Clear, EndSession, Note, Raise, TerminateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState, State
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.money import dollars
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, DeadlineStatus, deadline_status, us

# ---- wanting no more


def unwanted(attempt: Attempt, reason: str, now: ClockSnapshot) -> dict[str, Any]:
    """The columns of an attempt nobody wants any more.

    A known instance is to be destroyed at once. A create that is out stays where it is until its outcome is known:
    its label still protects it from nothing but forgetting.
    """
    sets: dict[str, Any] = {
        "desired_state": DesiredState.TERMINATED,
        "reason": reason,
        "terminate_requested_at": now.wall,
    }
    if attempt.state in ALIVE_STATES:
        sets |= destroying(now)
    return sets


def destroying(now: ClockSnapshot) -> dict[str, Any]:
    """The columns on entering `destroying`: the first destroy is due now, and no older absence counts."""
    return {
        "state": State.DESTROYING,
        "state_changed_at": now.wall,
        "next_destroy_boot": now.boot,
        "destroy_count": 0,
        "destroy_acknowledged": False,
        "off_at": None,
        **NO_ABSENCES,
    }


# ---- the rules of the clock


def clock_rules(
    session: Session, attempt: Attempt, now: ClockSnapshot, policy: Policy, queue_s: float = 0.0
) -> list[Action]:
    """What time alone decides: needs no provider, so no outage can delay it (I9, I11).

    `queue_s` is how long the other ends of the account may keep this one waiting, at the provider's pace.
    """
    actions: list[Action] = []
    if not attempt.is_wanted and attempt.state in ALIVE_STATES:
        # However it came to be here, its destroy must not wait for a list (I8, I9).
        actions.append(Change(attempt, destroying(now), Note("destroying", "it is not wanted any more")))
    if attempt.is_wanted and session.desired_state is DesiredState.RUNNING:
        actions += _deadline(session, attempt, now)
        actions += _interruption(session, attempt, now, policy)
    actions += _slow_ends(session, attempt, now, policy, us(queue_s))
    return actions


def _deadline(session: Session, attempt: Attempt, now: ClockSnapshot) -> list[Action]:
    last = min(attempt.deadline.wall, attempt.hard_max_at)
    match deadline_status(replace(attempt.deadline, wall=last), now):
        case DeadlineStatus.PASSED:
            hard = attempt.deadline.wall >= attempt.hard_max_at
            return [
                EndSession(session, "hard_maximum" if hard else "deadline", f"{session.name}: its time is up"),
                Clear(alarms.CLOCK_SKEW, session.id),
            ]
        case DeadlineStatus.DISPUTED:
            return [
                Raise(
                    alarms.CLOCK_SKEW,
                    session.id,
                    f"the clocks disagree whether {session.name} is past its deadline",
                    alarms.HINTS[alarms.CLOCK_SKEW],
                )
            ]
        case DeadlineStatus.AHEAD:
            return [Clear(alarms.CLOCK_SKEW, session.id)]


def _interruption(session: Session, attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    if attempt.state is not State.INTERRUPTED or session.keep_stopped or attempt.interrupted_boot is None:
        return []
    if now.boot - attempt.interrupted_boot < us(policy.interrupted_grace_s):
        return []
    return [EndSession(session, "interrupted", f"{session.name}: stopped by the provider and did not come back")]


def _slow_ends(session: Session, attempt: Attempt, now: ClockSnapshot, policy: Policy, queue: int) -> list[Action]:
    """Alarms on attempts that stay too long in a doubtful state; a longer wait never quietens them (D6)."""
    age = now.wall - attempt.state_changed_at
    match attempt.state:
        case State.DESTROYING if attempt.off_at is not None:
            span = now.wall - attempt.off_at
            if attempt.last_absence_boot is not None:
                span = min(span, now.boot - attempt.last_absence_boot)
            return _unproven(session, attempt, span, policy, queue)
        case State.DESTROYING:
            return _ending_alarm(session, attempt, age, policy, queue)
        case State.UNCERTAIN if age >= us(policy.uncertain_alarm_s):
            text = f"{session.name}: unknown for {_minutes(age)} whether its create made an instance"
            return [_alarm(alarms.UNCERTAIN, attempt, text)]
        case State.MISSING if attempt.missing_at is not None and now.wall - attempt.missing_at >= us(
            policy.suspect_alarm_s
        ):
            text = f"{session.name}: the provider does not show instance {attempt.instance_id}"
            return [_alarm(alarms.MISSING, attempt, text)]
        case _:
            return []


def _unproven(session: Session, attempt: Attempt, span: int, policy: Policy, queue: int) -> list[Action]:
    """Off: it is not shown, so no slow end is told of; only a proof that has not moved for very long (I27).

    Each unit of the proof is a read that may wait for those of all other ends.
    """
    quiet: list[Action] = [Clear(kind, attempt.id) for kind in alarms.ENDING_LADDER]
    if span < us(policy.destroy_alarms_s[-1]) + policy.gone_observations * queue:
        return quiet
    text = f"{session.name}: instance {attempt.instance_id} is off, but its end is not proven after {_minutes(span)}"
    return [*quiet, _alarm(alarms.END_UNVERIFIED, attempt, text)]


def _ending_alarm(session: Session, attempt: Attempt, age: int, policy: Policy, queue: int) -> list[Action]:
    step = sum(age >= us(limit) + queue for limit in policy.destroy_alarms_s) - 1
    if step < 0:
        return [Clear(alarms.END_UNVERIFIED, attempt.id)]
    limit = _minutes(us(policy.destroy_alarms_s[step]))
    text = f"{session.name}: instance {attempt.instance_id} is not proven gone after {limit}"
    former = (*alarms.ENDING_LADDER[:step], alarms.END_UNVERIFIED)
    return [_alarm(alarms.ENDING_LADDER[step], attempt, text), *(Clear(kind, attempt.id) for kind in former)]


def _minutes(span: int) -> str:
    return f"{span // us(60)} min" if span >= us(60) else f"{span // us(1)} s"


def _alarm(kind: str, attempt: Attempt, text: str) -> Raise:
    return Raise(kind, attempt.id, text, alarms.HINTS[kind])


def boot_is_over(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> bool:
    """Whether the boot limit has passed: counted from `sent`, in every state before hand-over (S13, I12)."""
    if attempt.sent_at is None or attempt.ready_at is not None:
        return False
    limit = replace(attempt.deadline, wall=attempt.sent_at + us(policy.boot_limit_s))
    return deadline_status(limit, now) is DeadlineStatus.PASSED


# ---- sightings


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
        "is_gpu_billed": _gpu_bills(attempt, row),
        **NO_ABSENCES,
    }
    if row.rate is not None:
        sets["current_rate"] = row.rate
    if moved or attempt.progress_boot is None:
        sets["progress_boot"] = now.boot
    return sets


def _gpu_bills(attempt: Attempt, row: Instance) -> bool:
    """GPU time bills while running (vastai.md 15); an unknown word changes nothing (F22)."""
    if row.status is StatusClass.UNKNOWN:
        return attempt.is_gpu_billed
    return row.status is StatusClass.RUNNING


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
        actions.append(_alarm(alarms.PRICE_CHANGED, attempt, text))
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


# ---- destroying


def ladder_step(destroys: int, policy: Policy) -> float:
    """Seconds from one destroy to the next: 5, 15, 30, 60, 120, then every five minutes, for ever (D6, I6)."""
    index = max(destroys - 1, 0)
    ladder = policy.destroy_ladder_s
    return ladder[index] if index < len(ladder) else policy.destroy_every_s


def after_destroy(
    attempt: Attempt, heard: bool, detail: str, retry_after_s: float | None, now: ClockSnapshot, policy: Policy
) -> Change:
    """The columns after one destroy was answered or gave up: nothing here closes an attempt (I5).

    Heard (acknowledged or not found): pause while the proof forms. Otherwise go on by the ladder.
    """
    count = attempt.destroy_count + 1
    wait = policy.destroy_every_s if heard else ladder_step(count, policy)
    if retry_after_s is not None and not heard:
        wait = min(max(wait, retry_after_s), policy.destroy_every_s)
    sets = {
        "destroy_count": count,
        "destroy_acknowledged": attempt.destroy_acknowledged or heard,
        "last_destroy_boot": now.boot,
        "next_destroy_boot": now.boot + us(wait),
        **NO_ABSENCES,
    }
    return Change(attempt, sets, Note("destroy_sent", f"destroy {count}: {detail}", {"heard": heard}))
