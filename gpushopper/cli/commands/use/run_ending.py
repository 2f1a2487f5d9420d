"""`run --rm`: what is recorded here before the start, what is said of it, and waiting for the end (ends.md E5-E7, E9).

The end is the instance's: it needs neither this command nor this computer. Only where nothing there can do it, this
command ends the session itself, and says so.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from gpushopper.cli.app import App
from gpushopper.cli.output import session_phases
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.progress_display import progress_for
from gpushopper.cli.output.text_format import clock_time, money, name_all, per_hour, plural
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.remote import run_control
from gpushopper.clouds import console_of
from gpushopper.core.model.run_folder import JUPYTER, life_mark
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import Refused, ShopperError
from gpushopper.kept_runs import kept_runs

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView, SessionView

OFF_WAIT_LIMIT_S = 180.0
OTHERS_PAUSE_S = 10
"""Between two looks for other runs, where this command ends the session."""
PARTS_WAIT_S = 60.0
"""How long what ends it is waited for, right after a session has become ready."""


class Ending(NamedTuple):
    """How a session ends after a run. `by`: `instance`, `daemon`, or `client`, which is this command."""

    by: str
    mode: str
    hold_us: int
    session: SessionView
    others: tuple[str, ...] = ()
    """Other runs that are still going, for which the end waits."""
    life: int = 0
    """Which instance the run is started on (`life_mark`)."""

    @property
    def line(self) -> str:
        """What the run's file `ends` holds; empty where nothing there reads it."""
        if self.by == "client":
            return ""
        return f"{self.mode} {self.hold_us // SECOND} {int(self.hold_us > 0)} {self.life}"


def choose(app: App, found: ConnectionView, mode: str, hold_us: int, *, detach: bool) -> Ending:
    """Find out who can end the session, and say so before anything is started.

    Raises:
        Refused: nothing on the instance can, and this command shall not stay to do it.
    """
    session = _prepared(app, found)
    if session.limits.after_run not in ("instance", "daemon"):
        return _by_this_command(app, session, mode, hold_us, detach=detach)
    now = app.now().wall
    hold_us = hold_us or _hold_for_pulls(session, now)
    going = tuple(run.run for run in run_control.list_runs(found, now) if run.status == "running")
    others = tuple(run for run in going if not run.startswith(JUPYTER))
    ending = Ending(session.limits.after_run, mode, hold_us, session, others, life_mark(found.attempt))
    if len(others) < len(going):
        app.note(f"Jupyter on {session.name} does not delay the end.")
    for line in _disclosure(app, ending, now):
        app.note(line)
    return ending


def _hold_for_pulls(session: SessionView, now: int) -> int:
    """How long its results are waited for, where it has any to bring home and the run says nothing else."""
    if not session.pulls:
        return 0
    left_us = max((session.deadline_at or now) - now, SECOND)
    return min(session.limits.hold_us or left_us, left_us)


def _prepared(app: App, found: ConnectionView) -> SessionView:
    """The session, once it is known who can end it: right after it was ready, that is being prepared."""
    latest = [app.client.session(found.session)]

    def is_known() -> bool:
        latest[:] = [app.client.session(found.session)]
        return latest[0].limits.after_run != "pending"

    if latest[0].limits.after_run == "pending":
        with suppress(WaitTimeout), progress_for(app) as progress:
            progress.step("parts", f"waiting until {found.name} can end itself")
            poll(is_known, PARTS_WAIT_S)
    return latest[0]


def _by_this_command(app: App, session: SessionView, mode: str, hold_us: int, *, detach: bool) -> Ending:
    why = session.limits.unwatched or "what does it could not be brought there"
    if detach or hold_us:
        option = "-d" if detach else "--hold"
        text = f"{session.name} cannot end itself after a run: {why}"
        raise Refused(text, f"leave {option} out: then this command ends it", code="no_run_end")
    app.note(f"{session.name} cannot end itself after a run: {why}. This command ends it, so keep it running;")
    app.note(f"otherwise {session.name} goes on until its deadline, {_deadline(app, session)}.")
    return Ending("client", mode, 0, session)


def _deadline(app: App, session: SessionView) -> str:
    return clock_time(session.deadline_at, app.now().wall) if session.deadline_at else "which it does not have"


def _disclosure(app: App, ending: Ending, now: int) -> list[str]:
    """When it ends and who ends it; what is lost if this computer is off then."""
    session, limits = ending.session, ending.session.limits
    when = f"{span(limits.grace_us)} after this run"
    if ending.hold_us:
        cost = session.rate * ending.hold_us // HOUR
        when = f"{span(ending.hold_us)} after this run (at most {money(cost)} more)"
    if session.pulls:
        when = f"once {name_all([pull.there for pull in session.pulls])} pulled, {when} at the latest"
    if ending.by == "instance":
        lines = [f"{session.name} ends itself {when}, whether or not this computer is on."]
    else:
        lines = [
            f"This computer ends {session.name} {when}: {_why_not_itself(session)}.",
            f"While this computer is off, it bills {per_hour(session.rate)} until you end it: "
            f"{console_of(session.cloud or session.provider)}",
        ]
    if ending.mode == "success":
        lines.append(f"If the run fails, it is kept for {span(max(limits.failed_us, ending.hold_us))}.")
    if ending.others:
        lines.append(
            f"The end waits for {plural(len(ending.others), 'other run')} still going: {_some(ending.others)}."
        )
    lines.append("What is on its disk is then lost; if this computer is off at the end, so is the run's output.")
    return lines


def _why_not_itself(session: SessionView) -> str:
    return "its guard is not confirmed" if session.limits.acts_itself else "power-off does not end its bill"


def _some(runs: tuple[str, ...]) -> str:
    return ", ".join(runs[:3]) + (" ..." if len(runs) > 3 else "")


def allow(app: App, ending: Ending, run: str) -> None:
    """Record that this run may end its session, before it is started there (E5)."""
    if ending.by == "client":
        return
    from gpushopper.wire import RunEndRequest

    with_pull = ending.hold_us > 0
    request = RunEndRequest(mode=ending.mode, with_pull=with_pull, hold_us=ending.hold_us or None)
    app.client.allow_run_end(ending.session.id, run, request)


def withdraw(app: App, ending: Ending, run: str) -> None:
    """The run surely was not started: it may not end the session. A failure here leaves a row that allows nothing."""
    if ending.by != "client":
        with suppress(ShopperError):
            app.client.withdraw_run_end(ending.session.id, run)


def kept_status(app: App, session_id: str, run: str) -> int | None:
    """The exit status of a run as it is kept on this computer; None where it has none."""
    found = next((kept.run for kept in kept_runs(app.home, session_id) if kept.run.run == run), None)
    return int(found.status) & 0xFF if found is not None and found.status.isdecimal() else None


def finish(app: App, ending: Ending, status: int) -> None:
    """After the followed run: wait until the session is off, or say when it will be."""
    session, limits = app.client.session(ending.session.id), ending.session.limits
    if session.end_stage in ("off", "proven", "forgotten"):
        receipt = f"gpu-shopper receipt {session.name}"
        app.note(f"the command ended with status {status}; {session.name} has ended; see: {receipt}")
        return
    if ending.mode == "success" and status and ending.by == "client":
        app.note(f"the command ended with status {status}; {session.name} goes on until {_deadline(app, session)}")
        return
    kept = max(limits.failed_us if ending.mode == "success" and status else 0, ending.hold_us)
    if kept:
        at = clock_time(app.now().wall + kept, app.now().wall)
        app.note(f"the command ended with status {status}; {session.name} is kept until {at}, then it ends")
        return
    if ending.by == "client":
        _await_others(app, session, status)
        _end(app, session, status)
        grace_us = 0
    else:
        grace_us, others = limits.grace_us, ", once no other run is going" if ending.others else ""
        app.note(f"the command ended with status {status}; {session.name} ends in {span(grace_us)}{others}")
    _await_off(app, session, status, grace_us / SECOND + OFF_WAIT_LIMIT_S)


def _await_others(app: App, session: SessionView, status: int) -> None:
    """Wait until no other run is going: ending the session would cut it off (E6). What is not known is waited for too.

    Without end, as the session has a deadline that ends it.
    """
    told, due = [""], [0]
    app.interrupt_hint = f"{session.name} was not ended and bills: gpu-shopper shutdown {session.name}"

    def is_over() -> bool:
        now = app.now().wall
        if now < due[0]:
            return False
        due[0] = now + OTHERS_PAUSE_S * SECOND
        why = _keeps(app, session, now)
        if why and why != told[0]:
            app.note(f"the command ended with status {status}; {session.name} is not ended yet: {why}")
        told[0] = why
        return not why

    poll(is_over, math.inf)
    app.interrupt_hint = ""


def _keeps(app: App, session: SessionView, now: int) -> str:
    """Why a session must not be ended now; empty where nothing keeps it, or where it is ending by itself."""
    try:
        found = run_control.list_runs(app.client.connection(session.id), now)
    except ShopperError as error:
        return "" if error.code == "ending" else f"whether other runs are going is not known: {error.message}"
    others = tuple(run.run for run in found if run.status == "running" and not run.run.startswith(JUPYTER))
    return f"{plural(len(others), 'other run')} still going: {_some(others)}" if others else ""


def _end(app: App, session: SessionView, status: int) -> None:
    app.note(f"the command ended with status {status}; ending {session.name}")
    try:
        app.client.done(session.id, "user", lands=True)
    except ShopperError as error:
        text = f"the command ended with status {status}, but {session.name} was not ended and bills: {error.message}"
        raise ShopperError(text, f"end it: gpu-shopper shutdown {session.name}", code=error.code) from error


def _await_off(app: App, session: SessionView, status: int, limit_s: float) -> None:
    app.interrupt_hint = f"the command ended with status {status}; the end of {session.name} continues"
    latest, watch = [session], landing_view.LandingWatch()
    with progress_for(app) as progress:

        def is_off() -> bool:
            latest[:] = [app.client.session(session.id)]
            session_phases.show_ending_progress(progress, latest[0], app.now().wall)
            return latest[0].end_stage in ("off", "proven", "forgotten")

        try:
            poll(is_off, limit_s, goes_on=lambda: watch.goes_on(latest))
        except WaitTimeout:
            app.note(f"{session.name} is not off yet: it may still bill; see: gpu-shopper why {session.name}")
    app.interrupt_hint = ""
