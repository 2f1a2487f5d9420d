"""Writes the line of limits that an instance's agent and upkeep obey, and says when it must be brought there (E1, E3).

The line has no life mark: the instance puts its own in front, so that a line of another life limits nothing.
"""

from __future__ import annotations

import zlib

from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.ends.landing import BUDGET
from gpushopper.core.lifecycle.reachability import PROBED_STATES
from gpushopper.core.model.actions import Action, EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import Brought, GuardStatus
from gpushopper.core.model.run_folder import life_mark
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import MINUTE, SECOND
from gpushopper.core.timing.duration_text import span

UNTIL_DEADLINE_S = 31 * 86_400
"""A hold that is longer than any session."""
_ENDS_BY_ITSELF = frozenset({EndingKind.SELF_DESTROY, EndingKind.POWEROFF_STOPS_BILLING})


def acts_itself(kind: EndingKind) -> bool:
    """Whether an instance of this cloud carries out its own early ends.

    Elsewhere power-off would not end the bill, and could lose results: its guard only shows them, and the daemon
    destroys (E9).
    """
    return kind in _ENDS_BY_ITSELF


def limits_line(session: Session, attempt: Attempt, policy: Policy) -> str:
    """The limits of a session as words of name and value, in whole seconds; 0: no such limit."""
    land_us = _land_us(session, attempt)
    words = {
        "idle": _seconds(session.idle_us),
        "when": session.idle_when,
        "contact": _seconds(session.contact_us),
        "disuse": _seconds(session.disuse_us),
        "warn": round(policy.end_warning_s),
        "tick": round(policy.agent_tick_s),
        "stale": round(policy.agent_stale_s),
        "hold": _hold_s(session),
        "grace": round(policy.run_grace_s),
        "failed": round(policy.failed_run_hold_s),
        "life": life_mark(attempt.id),
    }
    if land_us is not None:
        words["land"] = _seconds(land_us)
    if session.before_end:
        words["hook"] = zlib.crc32(session.before_end.encode())  # another script is other limits: it is brought anew
    return " ".join(f"{name}={value}" for name, value in words.items())


def _land_us(session: Session, attempt: Attempt) -> int | None:
    """How long before its deadline the instance runs the user's script; None: as usual.

    Where a budget ends it there is no earlier deadline, nor an end that it must carry out: the script begins once that
    much is left, which it is now. Whatever keeps the session after all sets it back (E7).
    """
    if session.landing != BUDGET or session.landing_at is None or not session.before_end:
        return session.land_for_us
    left_us = attempt.deadline.wall - session.landing_at + MINUTE
    return max(left_us, session.land_for_us or 0)


def _hold_s(session: Session) -> int:
    """How long its ends wait for its results, where there are any; the instance lets none of them pass the deadline."""
    if not session.pulls:
        return 0
    return UNTIL_DEADLINE_S if session.hold_us is None else _seconds(session.hold_us)


def _seconds(span_us: int | None) -> int:
    return 0 if span_us is None else max(span_us // SECOND, 1)


def limit_of(line: str, name: str) -> int | None:
    """One limit of such a line, in µs; None where it is off or missing."""
    words = dict(word.split("=", 1) for word in line.split() if "=" in word)
    value = words.get(name, "0")
    return int(value) * SECOND if value.isdecimal() and int(value) > 0 else None


def limits_text(line: str) -> str:
    """A line of limits for people: `idle 30m, contact 4h`."""
    found = {name: limit_of(line, name) for name in ("idle", "contact", "hold", "land")}
    words = [f"{name} {span(value)}" for name, value in found.items() if value and value < UNTIL_DEADLINE_S * SECOND]
    words += ["results are waited for until its deadline"] if found["hold"] == UNTIL_DEADLINE_S * SECOND else []
    words += ["a script before its end"] if " hook=" in line else []
    return ", ".join(words) or "none"


def are_limits_confirmed(attempt: Attempt, line: str) -> bool:
    """Whether the instance is known to have these limits; until then it obeys the ones that it was given before."""
    return attempt.confirmed_limits == line


def must_bring(attempt: Attempt, guard: GuardStatus | None, line: str, digest: str) -> bool:
    """Whether programs and limits must be brought: the guard knows ends, and has others than what is wanted.

    `digest` is that of our own programs; the instance's checksum is compared with what it gave after the last time.
    """
    if guard is None or not guard.knows_ends or attempt.ready_at is None or attempt.state not in PROBED_STATES:
        return False
    programs, checksum, _ = _parts(attempt)
    return not are_limits_confirmed(attempt, line) or programs != digest or guard.parts != checksum


def on_brought(attempt: Attempt, brought: Brought, line: str, digest: str) -> list[Action]:
    """Record which limits and programs the instance has now; nothing where they could not be saved there."""
    if not brought.checksum or not attempt.is_wanted:
        return []
    fields = {"confirmed_limits": line, "confirmed_parts": f"{digest}/{brought.checksum}/{brought.done}"}
    is_new = line != attempt.confirmed_limits
    return [
        UpdateAttempt(
            attempt,
            fields,
            EventDraft("limits", f"its limits are there: {limits_text(line)}", {"line": line}) if is_new else None,
        )
    ]


def done_command(attempt: Attempt) -> str:
    """What a login on the instance types when its work is done: a name or a path; empty where it was not brought."""
    return _parts(attempt)[2]


def _parts(attempt: Attempt) -> tuple[str, str, str]:
    digest, checksum, done = [*attempt.confirmed_parts.split("/", 2), "", ""][:3]
    return digest, checksum, done
