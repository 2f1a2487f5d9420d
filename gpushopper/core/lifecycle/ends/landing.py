"""Decides when a session's results are brought home, and what follows: before its deadline, or when it may end (E7).

No landing passes the deadline. After an early end the instance itself waits until it is told that all was pulled, or
until its hold is over; where a user ends the session, the wait is decided here.
"""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.model.actions import Action, ClearAlarm, EndSession, EventDraft, RaiseAlarm, UpdateSession
from gpushopper.core.model.attempt import Attempt, DesiredState
from gpushopper.core.model.ends.end_reason import WHY
from gpushopper.core.model.ends.landed import Landed, NotLanded, PulledByHand
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.duration_text import span

DEADLINE, USER, BUDGET = "deadline", "user", "budget"
"""Reasons to land beside those of early ends."""
HOOK_MARGIN_S = 30
"""A hook begins at the next ticks of the guard."""
_WHY = {
    **WHY,
    DEADLINE: "its deadline is near",
    USER: "you have ended it",
    BUDGET: "a budget is nearly used up",
}
NOT_LANDING: dict[str, Any] = {"landing": "", "landing_at": None, "pulled_at": None, "pull_problem": ""}


def land_for_us(session: Session, policy: Policy) -> int:
    """How long before its deadline a session begins to land: its hook, then its pulls."""
    return us(policy.land_for_s) if session.land_for_us is None else session.land_for_us


def lands(session: Session, attempt: Attempt) -> bool:
    """Whether there is anything to bring home, from an instance that can be reached."""
    return bool(session.pulls) and _is_used(session, attempt)


def _is_used(session: Session, attempt: Attempt) -> bool:
    return attempt.is_wanted and attempt.ready_at is not None and session.desired_state is DesiredState.RUNNING


def landing_until(session: Session, attempt: Attempt) -> int:
    """When, wall µs, it ends whatever has arrived: where a user ends it after its hold, else at its deadline."""
    last = min(attempt.deadline.wall, attempt.hard_max_at)
    if session.landing != USER or session.hold_us is None or session.landing_at is None:
        return last
    return min(last, session.landing_at + session.hold_us)


def on_clock(session: Session, attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """What time alone decides: to land before the deadline, not to after an extension, to wait no longer."""
    if not lands(session, attempt):
        return []
    is_near = now.wall >= attempt.deadline.wall - land_for_us(session, policy)
    if is_near and not session.landing:
        return [begin(session, DEADLINE, now)]
    if session.landing == DEADLINE and not is_near:
        return [UpdateSession(session, NOT_LANDING)]
    if session.landing == USER and now.wall >= landing_until(session, attempt):
        return [EndSession(session, USER, f"{session.name} ends: its results were waited for as long as allowed")]
    return []


def before_budget_end(
    session: Session, attempt: Attempt, end_at: int, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Land before the moment at which a budget ends the session: as before a deadline, so that it costs no time.

    Its script runs there by another limit (limits_line.py), also where there is nothing to pull.
    """
    is_near = now.wall >= end_at - land_for_us(session, policy)
    has_any = lands(session, attempt) or (bool(session.before_end) and _is_used(session, attempt))
    return [begin(session, BUDGET, now)] if is_near and has_any and not session.landing else []


def after_budget_end(session: Session) -> list[Action]:
    """Not to land any more where the budget lasts after all."""
    is_over = session.landing == BUDGET and session.desired_state is DesiredState.RUNNING
    return [UpdateSession(session, NOT_LANDING)] if is_over else []


def on_heartbeat(
    session: Session, attempt: Attempt, allowed: frozenset[str], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Land once an allowed early end is heard, and not any more where it was withdrawn.

    Where it lands already because time is nearly up, the work went on meanwhile: what it left is pulled after its end.
    An instance that waits although nothing is to be pulled any more, as a run does that was started before that was
    changed, is told so: that is a landing without anything to pull.
    """
    if not _is_used(session, attempt):
        return []
    if attempt.ending_reason in allowed and session.landing in ("", DEADLINE, BUDGET):
        if session.pulls:
            return [begin(session, attempt.ending_reason, now)]
        waits = (attempt.ending_at or 0) > now.wall + us(2 * policy.end_warning_s)
        fields = {**NOT_LANDING, "landing": attempt.ending_reason, "landing_at": now.wall}
        return [UpdateSession(session, fields)] if waits else []
    is_withdrawn = session.landing in WHY and not attempt.ending_reason
    return [UpdateSession(session, NOT_LANDING)] if is_withdrawn else []


def _folders(session: Session) -> str:
    """`out is`, `out, log are`."""
    return f"{', '.join(there for there, _ in session.pulls)} {'is' if len(session.pulls) == 1 else 'are'}"


def begin(session: Session, reason: str, now: ClockSnapshot) -> UpdateSession:
    """Begin to land for this reason."""
    what = f"{_folders(session)} pulled" if session.pulls else "your script runs"
    text = f"{session.name}: {what} before it ends: {_WHY.get(reason, reason)}"
    event = EventDraft("landing", text, {"reason": reason})
    return UpdateSession(session, {**NOT_LANDING, "landing": reason, "landing_at": now.wall}, event)


def on_other_pulls(session: Session, pulls: tuple[tuple[str, str], ...]) -> list[Action]:
    """What follows where other folders are wanted than before: while it lands it pulls those.

    Where it waits for none any more, an instance that has an early end is told so.
    """
    if not session.landing or pulls == session.pulls:
        return []
    goes_on = pulls or session.landing in WHY
    fields = {"pulled_at": None, "pull_problem": ""} if goes_on else NOT_LANDING
    return [UpdateSession(session, fields), ClearAlarm(alarms.NOT_PULLED, session.id)]


def is_pull_due(session: Session, attempt: Attempt) -> bool:
    """Whether its results are wanted here and not here yet, or its instance is to be told that none are."""
    is_told = bool(session.pulls) or session.landing in WHY
    return is_told and _is_used(session, attempt) and bool(session.landing) and session.pulled_at is None


def counts_by_hand(session: Session, attempt: Attempt, pulled: PulledByHand, policy: Policy) -> bool:
    """Whether what its user has pulled is all that is waited for: begun after its work, and what follows, had ended."""
    if not is_pull_due(session, attempt) or session.landing_at is None:
        return False
    is_all = {there for there, _ in session.pulls} <= pulled.theirs
    return is_all and pulled.began_at >= session.landing_at + hook_us(session, policy)


def hook_us(session: Session, policy: Policy) -> int:
    """How long its script may still write after an end was heard."""
    return us(hook_s(session, policy) + HOOK_MARGIN_S) if session.before_end else 0


def hook_s(session: Session, policy: Policy) -> float:
    """How long its script is waited for; where a budget ends it, the instance is told with a heartbeat to begin."""
    if not session.before_end:
        return 0
    return policy.hook_s + (policy.heartbeat_interval_s if session.landing == BUDGET else 0)


def on_pull(session: Session, attempt: Attempt, found: Landed | NotLanded, now: ClockSnapshot) -> list[Action]:
    """Record what came of a pull. A user's end follows at once; other ends are the instance's, which was told."""
    if not is_pull_due(session, attempt):
        return []
    cleared = [ClearAlarm(alarms.NOT_PULLED, session.id)]
    if isinstance(found, NotLanded):
        text = f"{session.name}: its results are not here yet: {found.why}"
        if found.is_here:
            text = f"{session.name}: its results are here, but its instance could not be told: {found.why}"
        fields: dict[str, Any] = {"pull_problem": found.why}
        event = None if found.why == session.pull_problem else EventDraft("pull_failed", text)
        return [UpdateSession(session, fields, event), RaiseAlarm.with_hint(alarms.NOT_PULLED, session.id, text)]
    if not session.pulls:
        return [UpdateSession(session, {"pulled_at": now.wall, "pull_problem": ""}), *cleared]
    data = {"folders": list(found.folders), "files": found.files, "bytes": found.bytes}
    data |= {"changed": list(found.changed), "left_out": list(found.left_out), "by_hand": found.by_hand}
    text = f"{session.name}: {found.files} files are here and verified: {', '.join(found.folders)}"
    actions: list[Action] = [
        UpdateSession(session, {"pulled_at": now.wall, "pull_problem": ""}, EventDraft("pulled", text, data)),
        *cleared,
    ]
    if session.landing == USER:
        actions.append(EndSession(session, USER, f"{session.name} ends: its results are here"))
    return actions


def warn_of_deadline(session: Session, attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """An event 15 and 5 minutes before the deadline, once for each; a moved deadline has warnings of its own (F94)."""
    if not attempt.is_wanted or attempt.ready_at is None or session.desired_state is not DesiredState.RUNNING:
        return []
    deadline, ready = attempt.deadline.wall, attempt.ready_at
    moments = [deadline - us(before_s) for before_s in policy.deadline_warnings_s]
    passed = [at for at in moments if ready < at <= now.wall and at > (session.warned_at or 0)]
    if not passed or now.wall >= deadline:
        return []
    left = span(deadline - max(passed))
    text = f"{session.name} ends in {left}"
    if session.pulls and session.pulled_at is None:
        text += f"; {_folders(session)} pulled before"
    data = {"deadline_at": deadline, "left_us": deadline - now.wall}
    return [UpdateSession(session, {"warned_at": max(passed)}, EventDraft("ends_soon", text, data))]


def not_pulled_text(session: Session) -> str:
    """What is lost where a session ends now; empty where all was pulled, or nothing should be."""
    if not session.pulls or session.pulled_at is not None:
        return ""
    return f"{', '.join(there for there, _ in session.pulls)} was not pulled"
