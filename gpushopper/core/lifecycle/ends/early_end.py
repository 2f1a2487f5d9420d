"""Decides what an early end that an instance announces means: shown, or acted on where a row allows it (ends.md E5).

An end is acted on only where it was heard: still shown after its time, or heard at the last heartbeat before it and
then silent, for more than one login, and absent. Absence plus permission is never proof. The instance is left the time
to end itself: this computer destroys it for an early end only where that does not come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.ends.limits_line import acts_itself, limit_of
from gpushopper.core.lifecycle.ends.self_ended import has_been_silent
from gpushopper.core.lifecycle.guard_renewal import is_armed
from gpushopper.core.model.actions import Action, EndSession, EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.ends.end_reason import CONTACT, DONE, IDLE, RUN_DONE, WHY
from gpushopper.core.model.ends.run_end import RunEnd
from gpushopper.core.model.heartbeat import GuardStatus, Heartbeat
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import MINUTE, SECOND, ClockSnapshot, us
from gpushopper.core.timing.duration_text import span

_BY_WORD = {"idle": IDLE, "contact": CONTACT, "run": RUN_DONE, "done": DONE}


def reason_of(word: str) -> str:
    """The reason for an instance's word, which may say more after a hyphen; an unknown word stays what it is."""
    return _BY_WORD.get(word.partition("-")[0], word)


def allowed_ends(session: Session, attempt: Attempt, runs: Iterable[RunEnd]) -> frozenset[str]:
    """The early ends that a row here allows; what the instance was given before counts until it is confirmed gone."""
    allowed = set()
    if session.idle_us is not None or limit_of(attempt.confirmed_limits, "idle") is not None:
        allowed.add(IDLE)
    if session.contact_us is not None or limit_of(attempt.confirmed_limits, "contact") is not None:
        allowed.add(CONTACT)
    if any(run.session_id == session.id for run in runs):
        allowed.add(RUN_DONE)
    return frozenset(allowed)


def announced(heartbeat: Heartbeat) -> tuple[tuple[str, int], ...]:
    """What the guard shows of early ends, obeyed or (E9) only marked: reason and seconds left.

    It shows none that it would not obey: of another boot, damaged, or measured by an agent that does not live (E4).
    """
    found = () if heartbeat.guard is None else heartbeat.guard.ends
    return tuple((reason_of(word), max(left_s, 0)) for word, left_s in found)


def own_end_us(kind: EndingKind, guard: GuardStatus | None, policy: Policy) -> int:
    """How long an instance is left to end itself after the second that it announced; none where it does not (E9)."""
    return us(policy.own_end_s) if acts_itself(kind) and is_armed(guard) else 0


def on_ends_heard(
    session: Session,
    attempt: Attempt,
    heard: tuple[tuple[str, int], ...],
    allowed: frozenset[str],
    now: ClockSnapshot,
    own_end: int = 0,
) -> list[Action]:
    """Record the earliest early end that a heartbeat shows, an allowed one before all others; act on it `own_end` µs
    after its time (`own_end_us`), and only where it was heard before.

    `done` needs no row: it was heard over the pinned key, from the attempt's own instance (E4).
    """
    if not heard or not is_used(session, attempt):
        return []
    may_act = {reason for reason in allowed | {DONE} if suffices(session, attempt, reason)}
    reason, left_s = min(heard, key=lambda end: (end[0] not in may_act, end[1]))
    # Heard for the first time, as after a sleep of this computer, it is only noted: outputs are kept first (E5).
    is_known = attempt.ending_reason == reason
    at = now.wall + us(left_s)
    if is_known and left_s == 0 and attempt.ending_at is not None:
        at = min(attempt.ending_at, at)
    fields: dict[str, Any] = {"ending_reason": reason, "ending_at": at, "ending_heard_at": now.wall}
    event = None
    if not is_known or abs(at - (attempt.ending_at or 0)) > MINUTE:
        event = _announcement(session, reason, now.wall, us(left_s), is_allowed=reason in may_act)
    actions: list[Action] = [UpdateAttempt(attempt, fields, event)]
    if reason in may_act and is_known and now.wall - at >= own_end:
        actions.append(end_for(session, replace(attempt, **fields)))
    return actions


def suffices(session: Session, attempt: Attempt, reason: str) -> bool:
    """Whether the limit that the instance obeys is one that the session still has, or a longer one.

    A limit that was switched off or raised meanwhile may end the instance by itself until it is confirmed there; from
    here it ends nothing any more.
    """
    there = attempt.confirmed_limits
    if reason not in (IDLE, CONTACT) or not there:
        return True
    wanted = session.idle_us if reason == IDLE else session.contact_us
    obeyed = limit_of(there, reason)
    if wanted is None or obeyed is None or obeyed < wanted // SECOND * SECOND:
        return False
    return reason == CONTACT or session.idle_when == "gpu" or "when=gpu" not in there.split()


def is_used(session: Session, attempt: Attempt) -> bool:
    """Whether its user has it and wants it: only then is anything concluded of what it announces."""
    return attempt.is_wanted and attempt.ready_at is not None and session.desired_state is DesiredState.RUNNING


def _announcement(session: Session, reason: str, now: int, left_us: int, *, is_allowed: bool) -> EventDraft:
    """Told with the time that is left: a time of day would have to be in the reader's zone."""
    when = f"in {span(left_us)}" if left_us else "now"
    data = {"reason": reason, "at": now + left_us, "allowed": is_allowed}
    if is_allowed:
        return EventDraft("ending", f"{session.name}: it ends {when}: {WHY[reason]}", data)
    text = f"{session.name}: it says that it ends {when} ({reason}), which nothing here allows; nothing is done"
    return EventDraft("ending", text, data)


def end_for(session: Session, attempt: Attempt) -> EndSession:
    """The end of the session, with the reason that its instance announced."""
    return EndSession(session, attempt.ending_reason, f"{session.name} ends: {WHY[attempt.ending_reason]}")


def has_gone_silent(attempt: Attempt, now: ClockSnapshot) -> bool:
    """Whether it gives no answer since the second that it announced: the list shows whether it is gone."""
    is_over = attempt.ending_at is not None and now.wall >= attempt.ending_at
    return is_over and attempt.state is State.RUNNING and attempt.silent_since is not None


def is_gone_as_heard(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> bool:
    """Whether its end was heard at the last heartbeat before it, and it is silent since.

    One heartbeat: its interval, and the time that a login may take. One login alone fails now and then, and use in the
    last seconds withdraws an end unheard: the next login would tell, so that it is waited for (I8).
    """
    if attempt.ending_at is None or now.wall < attempt.ending_at:
        return False
    return has_been_silent(attempt, now, policy) and is_heard_last(attempt, policy)


def is_heard_last(attempt: Attempt, policy: Policy) -> bool:
    """Whether the last heartbeat announced this end, shortly before its second or after it."""
    at, heard_at = attempt.ending_at, attempt.ending_heard_at
    if at is None or heard_at is None or attempt.heartbeat_at != heard_at:
        return False
    return at - heard_at <= us(policy.heartbeat_interval_s + policy.heartbeat_timeout_s)


def is_end_confirmed(attempt: Attempt, allowed: frozenset[str], now: ClockSnapshot, policy: Policy) -> bool:
    """Whether an allowed end was heard at the last heartbeat before it, and the instance is silent and absent since."""
    if attempt.ending_reason not in allowed | {DONE}:
        return False
    is_absent = attempt.state is State.MISSING and attempt.absence_count > 0
    return is_absent and is_gone_as_heard(attempt, now, policy)


def end_as_heard(
    session: Session, attempt: Attempt, allowed: frozenset[str], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """End the session for a confirmed early end: the destroyer then proves it."""
    if not is_used(session, attempt) or not is_end_confirmed(attempt, allowed, now, policy):
        return []
    if not suffices(session, attempt, attempt.ending_reason):
        return []
    return [end_for(session, attempt)]
