"""How landing is printed: what will happen before the end, how far a pull is, and what an end now would lose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpushopper.cli.output.text_format import clock_time, name_all, plural, when
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpushopper.wire import Plan, SessionView


def disclosure(found: Plan, given: dict[str, Any], now: int) -> list[str]:
    """What will happen at the end of a session that is rented so."""
    if not given["pulls"] and not given["before_end"]:
        return []
    land_for = given["land_for"] or _land_for()
    begins = when(found.deadline_at - land_for, now)
    lines = [f"At {begins}, {span(land_for)} before its deadline, {_steps(given)}; at its deadline it ends."]
    if given["pulls"]:
        hold = f"{span(given['hold'])}" if given["hold"] else "until its deadline"
        lines.append(f"If its work ends before, it is kept, and billed, until all is pulled, at most {hold}.")
        lines.append("This computer must be on for that: what is not pulled by its end is lost.")
    return lines


def _land_for() -> int:
    """How long before a deadline landing begins, µs. A list of sessions does without the policies: 5 ms to import."""
    from gpushopper.core.policy import REAL

    return us(REAL.land_for_s)


def _hook_limit() -> int:
    """How long a script before the end may run, µs."""
    from gpushopper.core.policy import REAL

    return us(REAL.hook_s)


def _steps(given: dict[str, Any]) -> str:
    hook = [f"your script runs there (at most {span(_hook_limit())})"] if given["before_end"] else []
    return ", then ".join([*hook, *([f"{name_all(given['pulls'])} pulled"] if given["pulls"] else [])])


def pulls(session: SessionView) -> str:
    """`out -> results`, each."""
    return ", ".join(_each(session))


def _each(session: SessionView) -> list[str]:
    return [f"{pull.there} -> {pull.here}" for pull in session.pulls]


def steps_before_end(session: SessionView) -> str:
    """`your script runs, then out -> /results is pulled, 20m before its deadline`; nothing where there is none."""
    steps = ["your script runs"] if session.has_hook else []
    steps += [f"{name_all(_each(session))} pulled"] if session.pulls else []
    if not steps:
        return "nothing"
    before = session.limits.land_for_us or _land_for()
    return f"{', then '.join(steps)}, {span(before)} before its deadline, or once its work has ended"


def landing(session: SessionView, now: int) -> str:
    """Why its results are brought home, and how far that is."""
    found = session.landing
    if session.pulls and found.pulled_at is not None:
        return f"all was pulled at {clock_time(found.pulled_at, now)}"
    if session.pulls and session.ended_at is not None and session.ready_at is not None:
        return "not pulled before it ended"
    if not found.reason or not session.pulls or session.ended_at is not None:
        return ""
    until = f", at most until {clock_time(found.until_at, now)}" if found.until_at is not None else ""
    if found.total_files:
        return f"{arrived(session)} pulled{until}"
    return f"not pulled yet: {found.problem}; it is tried again{until}" if found.problem else f"pulling{until}"


def arrived(session: SessionView) -> str:
    """`3 of 9 files, 1.0 of 5.0 GB`; empty where no pull is under way, or it is not known yet."""
    found = session.landing
    if not found.total_files:
        return ""
    size = f"{found.bytes / 1e9:.1f} of {found.total_bytes / 1e9:.1f} GB"
    return f"{found.files} of {plural(found.total_files, 'file')}, {size}"


def still_landing(session: SessionView, now: int) -> str:
    """`train is kept, and bills: 3 of 9 files, ...`; empty where no end waits for its results."""
    if not is_landing(session):
        return ""
    return f"{session.name} is kept, and bills: {landing(session, now)}"


def is_landing(session: SessionView) -> bool:
    """Whether its end waits until its results are here."""
    found = session.landing
    return bool(session.pulls and found.reason) and not session.end_stage and found.pulled_at is None


class LandingWatch:
    """Whether results still come home: a wait for an end does not count that time, however long it takes."""

    def __init__(self) -> None:
        self._most: dict[str, int] = {}
        """The most bytes that were here of each session, so that what is copied anew is no progress."""

    def goes_on(self, sessions: Iterable[SessionView]) -> bool:
        """Whether any of them lands and nothing is wrong with that, or more of it is here than ever before."""
        return any([self._goes_on(session) for session in sessions])

    def _goes_on(self, session: SessionView) -> bool:
        if not is_landing(session):
            return False
        before, here = self._most.get(session.id, 0), session.landing.bytes
        self._most[session.id] = max(before, here)
        return here > before or not session.landing.problem


def before_done(session: SessionView) -> str:
    """What `done` does before it ends a session; empty where there is nothing to bring home."""
    if not session.pulls or session.status != "running":
        return ""
    hold = f"at most {span(session.limits.hold_us)}" if session.limits.hold_us else "until its deadline"
    hook = "your script runs and " if session.has_hook else ""
    return f"{hook}{name_all(_each(session))} pulled first ({hold}); it ends and stops billing after that"


def lost(session: SessionView) -> str:
    """What ending it at once loses of what it should bring home."""
    if not session.pulls or session.status != "running" or session.landing.pulled_at is not None:
        return ""
    folders = name_all([pull.there for pull in session.pulls])
    return f"{folders} not pulled (pull it first: gpu-shopper done {session.name})"
