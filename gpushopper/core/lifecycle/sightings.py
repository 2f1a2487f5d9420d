"""One attempt's life: the rules of the clock, and what a sighting of its instance means (architecture 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.claims import row_fault
from gpushopper.core.lifecycle.evidence import NO_UNITS
from gpushopper.core.model.actions import Action, Change, Clear, EndSession, Note, Raise, Unwant
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, Desire, State
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.money import dollars
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import Moment, Verdict, judge, us

# ---- wanting no more


def unwanted(attempt: Attempt, reason: str, now: Moment) -> dict[str, Any]:
    """The columns of an attempt nobody wants any more.

    A known instance is to be destroyed at once. A create that is out stays where it is until its outcome is known:
    its label still protects it from nothing but forgetting.
    """
    sets: dict[str, Any] = {"desire": Desire.GONE, "reason": reason, "unwanted_at": now.wall}
    if attempt.state in ALIVE_STATES:
        sets |= destroying(now)
    return sets


def destroying(now: Moment) -> dict[str, Any]:
    """The columns on entering `destroying`: the first destroy is due now, and no older absence counts."""
    return {
        "state": State.DESTROYING,
        "entered_at": now.wall,
        "next_destroy_boot": now.boot,
        "destroys": 0,
        "destroy_heard": False,
        "off_at": None,
        **NO_UNITS,
    }


# ---- the rules of the clock


def clock_rules(
    session: Session, attempt: Attempt, now: Moment, policy: Policy, queue_s: float = 0.0
) -> list[Action]:
    """What time alone decides: needs no provider, so no outage can delay it (I9, I11).

    `queue_s` is how long the other ends of the account may keep this one waiting, at the provider's pace.
    """
    actions: list[Action] = []
    if not attempt.is_wanted and attempt.state in ALIVE_STATES:
        # However it came to be here, its destroy must not wait for a list (I8, I9).
        actions.append(Change(attempt, destroying(now), Note("destroying", "it is not wanted any more")))
    if attempt.is_wanted and session.desire is Desire.RUN:
        actions += _deadline(session, attempt, now)
        actions += _interruption(session, attempt, now, policy)
    actions += _slow_ends(session, attempt, now, policy, us(queue_s))
    return actions


def _deadline(session: Session, attempt: Attempt, now: Moment) -> list[Action]:
    last = min(attempt.deadline.wall, attempt.hard_max_at)
    match judge(replace(attempt.deadline, wall=last), now):
        case Verdict.PASSED:
            hard = attempt.deadline.wall >= attempt.hard_max_at
            return [
                EndSession(session, "hard_maximum" if hard else "deadline", f"{session.name}: its time is up"),
                Clear(alarms.CLOCK_SUSPECT, session.id),
            ]
        case Verdict.DISPUTED:
            return [
                Raise(
                    alarms.CLOCK_SUSPECT,
                    session.id,
                    f"the clocks disagree whether {session.name} is past its deadline",
                    alarms.HINTS[alarms.CLOCK_SUSPECT],
                )
            ]
        case Verdict.AHEAD:
            return [Clear(alarms.CLOCK_SUSPECT, session.id)]


def _interruption(session: Session, attempt: Attempt, now: Moment, policy: Policy) -> list[Action]:
    if attempt.state is not State.INTERRUPTED or session.keep_stopped or attempt.interrupted_boot is None:
        return []
    if now.boot - attempt.interrupted_boot < us(policy.interrupted_grace_s):
        return []
    return [EndSession(session, "interrupted", f"{session.name}: stopped by the provider and did not come back")]


def _slow_ends(session: Session, attempt: Attempt, now: Moment, policy: Policy, queue: int) -> list[Action]:
    """Alarms on attempts that stay too long in a doubtful state; a longer wait never quietens them (D6)."""
    age = now.wall - attempt.entered_at
    match attempt.state:
        case State.DESTROYING if attempt.off_at is not None:
            span = now.wall - attempt.off_at
            if attempt.last_unit_boot is not None:
                span = min(span, now.boot - attempt.last_unit_boot)
            return _unproven(session, attempt, span, policy, queue)
        case State.DESTROYING:
            return _ending_alarm(session, attempt, age, policy, queue)
        case State.UNCERTAIN if age >= us(policy.uncertain_alarm_s):
            text = f"{session.name}: unknown for {_minutes(age)} whether its create made an instance"
            return [_alarm(alarms.UNCERTAIN, attempt, text)]
        case State.SUSPECT if attempt.missing_at is not None and now.wall - attempt.missing_at >= us(
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
    if span < us(policy.destroy_alarms_s[-1]) + policy.gone_units * queue:
        return quiet
    text = f"{session.name}: instance {attempt.instance_id} is off, but its end is not proven after {_minutes(span)}"
    return [*quiet, _alarm(alarms.UNPROVEN, attempt, text)]


def _ending_alarm(session: Session, attempt: Attempt, age: int, policy: Policy, queue: int) -> list[Action]:
    step = sum(age >= us(limit) + queue for limit in policy.destroy_alarms_s) - 1
    if step < 0:
        return [Clear(alarms.UNPROVEN, attempt.id)]
    limit = _minutes(us(policy.destroy_alarms_s[step]))
    text = f"{session.name}: instance {attempt.instance_id} is not proven gone after {limit}"
    former = (*alarms.ENDING_LADDER[:step], alarms.UNPROVEN)
    return [_alarm(alarms.ENDING_LADDER[step], attempt, text), *(Clear(kind, attempt.id) for kind in former)]


def _minutes(span: int) -> str:
    return f"{span // us(60)} min" if span >= us(60) else f"{span // us(1)} s"


def _alarm(kind: str, attempt: Attempt, text: str) -> Raise:
    return Raise(kind, attempt.id, text, alarms.HINTS[kind])


def boot_is_over(attempt: Attempt, now: Moment, policy: Policy) -> bool:
    """Whether the boot limit has passed: counted from `sent`, in every state before hand-over (S13, I12)."""
    if attempt.sent_at is None or attempt.handed_over_at is not None:
        return False
    limit = replace(attempt.deadline, wall=attempt.sent_at + us(policy.boot_limit_s))
    return judge(limit, now) is Verdict.PASSED


# ---- sightings


def sighted(session: Session, attempt: Attempt, row: Instance, now: Moment, policy: Policy) -> list[Action]:
    """What one row of the provider says about an open attempt whose id is known."""
    sets = _refresh(attempt, row, now)
    if attempt.state is State.DESTROYING:
        return [_still_there(attempt, sets, now, policy)]
    back = attempt.state is State.SUSPECT and row.status is not StatusClass.OFFLINE
    cleared: list[Action] = [Clear(alarms.MISSING, attempt.id)] if back else []
    if not attempt.is_wanted:
        return [
            *cleared,
            Change(attempt, sets | destroying(now), Note("destroying", "unwanted instance found")),
        ]
    if attempt.handed_over_at is None:
        return cleared + _before_hand_over(session, attempt, row, sets, now, policy)
    return cleared + _after_hand_over(session, attempt, row, sets, now, policy)


def _refresh(attempt: Attempt, row: Instance, now: Moment) -> dict[str, Any]:
    moved = row.progress != attempt.progress
    sets: dict[str, Any] = {
        "last_seen_at": now.wall,
        "status_word": row.status_word,
        "progress": row.progress,
        "ssh_host": row.ssh_host or attempt.ssh_host,
        "ssh_port": row.ssh_port or attempt.ssh_port,
        "missing_at": None,
        "gpu_billing": _gpu_bills(attempt, row),
        **NO_UNITS,
    }
    if row.rate is not None:
        sets["rate_live"] = row.rate
    if moved or attempt.progress_boot is None:
        sets["progress_boot"] = now.boot
    return sets


def _gpu_bills(attempt: Attempt, row: Instance) -> bool:
    """GPU time bills while running (vastai.md 15); an unknown word changes nothing (F22)."""
    if row.status is StatusClass.UNKNOWN:
        return attempt.gpu_billing
    return row.status is StatusClass.RUNNING


def _still_there(attempt: Attempt, sets: dict[str, Any], now: Moment, policy: Policy) -> Change:
    """A sighting while destroying cancels the proof under way and brings the next destroy forward (S3)."""
    if attempt.last_destroy_boot is not None:
        due = attempt.last_destroy_boot + us(ladder_step(attempt.destroys, policy))
        if attempt.next_destroy_boot is None or due < attempt.next_destroy_boot:
            sets["next_destroy_boot"] = due
    note = Note("seen_again", "the provider shows it again") if attempt.off_at is not None else None
    return Change(attempt, sets | {"off_at": None}, note)


def _before_hand_over(
    session: Session, attempt: Attempt, row: Instance, sets: dict[str, Any], now: Moment, policy: Policy
) -> list[Action]:
    seen = replace(attempt, progress_boot=sets.get("progress_boot", attempt.progress_boot))
    fault = _boot_fault(seen, row, now, policy)
    if fault:
        reason, text = fault
        return [Change(attempt, sets), Unwant(attempt, reason, text)]
    if row.status is StatusClass.RUNNING and not policy.needs_login:
        sets |= {"state": State.RUNNING, "handed_over_at": now.wall, "entered_at": now.wall}
        return [Change(attempt, sets, Note("handed_over", f"{session.name} is running"))]
    if attempt.state is not State.BOOTING:
        sets |= {"state": State.BOOTING, "entered_at": now.wall}
    note = Note("boot_progress", _boot_text(row)) if row.progress != attempt.progress else None
    return [Change(attempt, sets, note)]


def _boot_text(row: Instance) -> str:
    return f"instance {row.instance_id}: {row.status_word or 'created'}" + (f" ({row.message})" if row.message else "")


def _boot_fault(attempt: Attempt, row: Instance, now: Moment, policy: Policy) -> tuple[str, str] | None:
    """Why this instance cannot be handed over, if so; it fails over (S13, F13, F15)."""
    limit = round(attempt.rate_agreed * (1 + policy.price_tolerance))
    if row.rate is not None and row.rate > limit:
        told, agreed = dollars(row.rate, 4), dollars(attempt.rate_agreed, 4)
        return "price_moved", f"the price is {told}/h, agreed was {agreed}/h"
    if row.status is StatusClass.FAILED and row.image_refused:
        return "image_refused", f"the registry does not give the image: {row.message}"
    if row.status in (StatusClass.STOPPED, StatusClass.FAILED):
        return "boot_failed", f"the instance is {row.status_word}: {row.message or 'it did not start'}"
    claim = row_fault(attempt, row)
    if claim:
        return "claim_mismatch", claim
    is_running = row.status is StatusClass.RUNNING
    if is_running and not policy.needs_login:
        return None
    since = attempt.progress_boot
    silent = since is not None and now.boot - since >= us(policy.boot_silence_s)
    # Running, its row has nothing more to say: only the limit counts until the other proofs are in (S13).
    is_over = boot_is_over(attempt, now, policy)
    if is_over and is_running and attempt.silent_at is not None:
        return "local_fault", f"this computer could not log in to it: {attempt.reach}"
    if (silent and not is_running) or is_over:
        return "boot_stuck", f"no progress: still {row.status_word or 'created'}"
    return None


def _after_hand_over(
    session: Session, attempt: Attempt, row: Instance, sets: dict[str, Any], now: Moment, policy: Policy
) -> list[Action]:
    actions: list[Action] = []
    limit = round(attempt.rate_agreed * (1 + policy.price_tolerance))
    if row.rate is not None and row.rate > limit:
        text = f"{session.name}: the price is {dollars(row.rate, 4)}/h, agreed was {dollars(attempt.rate_agreed, 4)}/h"
        actions.append(_alarm(alarms.PRICE_MOVED, attempt, text))
    else:
        actions.append(Clear(alarms.PRICE_MOVED, attempt.id))
    match row.status:
        case StatusClass.STOPPED | StatusClass.FAILED:
            actions += _interrupted(session, attempt, row, sets, now)
        case StatusClass.OFFLINE:
            actions.append(_host_lost(session, attempt, sets, now))
        case _ if attempt.state is State.RUNNING:
            actions.append(Change(attempt, sets))
        case _:
            sets |= {"state": State.RUNNING, "entered_at": now.wall, "interrupted_boot": None}
            actions += [
                Change(attempt, sets, Note("back", f"{session.name} is there again")),
                Clear(alarms.INTERRUPTED, attempt.id),
            ]
    return actions


def _interrupted(session: Session, attempt: Attempt, row: Instance, sets: dict[str, Any], now: Moment) -> list[Action]:
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
        sets |= {"state": State.INTERRUPTED, "entered_at": now.wall}
    text = f"{session.name}: the provider shows it as {row.status_word}; its disk still bills"
    if not is_stopped:
        text = f"{session.name}: it may not start again: {row.message or row.status_word}"
    hint = alarms.HINTS[alarms.INTERRUPTED] if is_stopped else alarms.KEPT_HINT
    return [
        Clear(alarms.INTERRUPTED, attempt.id),
        Change(attempt, sets, Note("interrupted", text)),
        Raise(alarms.INTERRUPTED, attempt.id, text, hint),
    ]


def _host_lost(session: Session, attempt: Attempt, sets: dict[str, Any], now: Moment) -> Change:
    """The host is offline: shown, but nobody can say whether it comes back (F24). Wait for the user or the deadline."""
    missing = attempt.missing_at if attempt.missing_at is not None else now.wall
    sets |= {"missing_at": missing}
    if attempt.state is State.SUSPECT:
        return Change(attempt, sets)
    sets |= {"state": State.SUSPECT, "entered_at": now.wall}
    return Change(attempt, sets, Note("suspect", f"{session.name}: its host is offline"))


# ---- destroying


def ladder_step(destroys: int, policy: Policy) -> float:
    """Seconds from one destroy to the next: 5, 15, 30, 60, 120, then every five minutes, for ever (D6, I6)."""
    index = max(destroys - 1, 0)
    ladder = policy.destroy_ladder_s
    return ladder[index] if index < len(ladder) else policy.destroy_every_s


def after_destroy(
    attempt: Attempt, heard: bool, detail: str, retry_after_s: float | None, now: Moment, policy: Policy
) -> Change:
    """The columns after one destroy was answered or gave up: nothing here closes an attempt (I5).

    Heard (acknowledged or not found): pause while the proof forms. Otherwise go on by the ladder.
    """
    count = attempt.destroys + 1
    wait = policy.destroy_every_s if heard else ladder_step(count, policy)
    if retry_after_s is not None and not heard:
        wait = min(max(wait, retry_after_s), policy.destroy_every_s)
    sets = {
        "destroys": count,
        "destroy_heard": attempt.destroy_heard or heard,
        "last_destroy_boot": now.boot,
        "next_destroy_boot": now.boot + us(wait),
        **NO_UNITS,
    }
    return Change(attempt, sets, Note("destroy_sent", f"destroy {count}: {detail}", {"heard": heard}))
